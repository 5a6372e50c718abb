"""From a listing of a raw dataset folder to its cases; what has no partner becomes a dead letter."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from medvision.schemas.case import Case, CaseImage, SourceFile
from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.faults import DataFault, DeadLetter, is_unicode
from medvision.transforms.folders import add_folders
from medvision.transforms.match_landmarks import match_landmarks
from medvision.transforms.patterns import compile_pattern
from medvision.transforms.readers.opened import is_junk

Place = tuple[str, str]
"""A case's text and the folder path before its pattern."""


@dataclass(frozen=True)
class Matched:
    """Result of matching one dataset, both sorted."""

    cases: tuple[Case, ...]
    dead_letters: tuple[DeadLetter, ...]


def match_cases(dataset: Dataset, files: Iterable[SourceFile]) -> Matched:
    """Pair images and masks by the dataset's patterns.

    A mask and an image belong together when their case is the same and so is the path before their patterns. What
    is then left over pairs by case alone (publishers ship images and masks in separate archives), unless another
    group has the same mask pattern: its case of the same id is another subject. A pattern that ends in "/" matches
    folders of files.
    """
    visible = add_folders(dataset, [file for file in sorted(files, key=_path) if not is_junk(file.path)])
    groups: dict[str, list[Task]] = defaultdict(list)
    for task in dataset.tasks:
        groups[task.group].append(task)
    matchers = [_Group(dataset, name, tasks, visible) for name, tasks in sorted(groups.items())]
    used: set[str] = set()
    for group in matchers:
        group.pair_same_folder(used)
    patterns = Counter((group.tasks[0].mask, group.tasks[0].case) for group in matchers)
    for group in matchers:
        if patterns[group.tasks[0].mask, group.tasks[0].case] == 1:
            group.pair_by_case(used)
    cases: list[Case] = []
    letters: list[DeadLetter] = []
    orphans: list[tuple[int, DeadLetter]] = []
    for group in matchers:
        found, dead_of_group = group.collect(used)
        cases += found
        letters += dead_of_group
        orphans += group.orphan_masks(used)
    preferred = {image.file.path for case in cases for image in case.images}
    for landmark_task in dataset.landmark_tasks:
        found, dead_of_task = match_landmarks(dataset, landmark_task, visible, preferred)
        cases += found
        letters += dead_of_task
    letters += [_bad_name(case) for case in cases if not _is_writable(case)]
    cases = [case for case in cases if _is_writable(case)]
    letters += [letter for _, letter in sorted(orphans)]  # groups that match the same masks: the one that fits best
    dead: dict[tuple[str, int, str], DeadLetter] = {}
    for letter in letters:
        dead.setdefault((letter.path, letter.task, letter.reason), letter)
    return Matched(tuple(sorted(cases, key=lambda case: case.case_id)), tuple(sorted(dead.values())))


class _Group:
    """The tasks that share masks, with every file that their patterns match."""

    def __init__(self, dataset: Dataset, name: str, tasks: list[Task], files: list[SourceFile]) -> None:
        self.dataset = dataset
        self.name = name
        self.tasks = sorted(tasks, key=lambda task: task.number)
        first = self.tasks[0]
        self.masks: dict[Place, dict[str, SourceFile]] = defaultdict(dict)
        self.images: dict[int, dict[Place, SourceFile]] = {task.number: {} for task in tasks}
        self.pairs: dict[Place, dict[int, SourceFile]] = {}
        self.ambiguous: dict[str, list[SourceFile]] = {}
        mask_pattern = compile_pattern(first.mask, first.case)
        image_patterns = [(task.number, compile_pattern(task.image, task.case)) for task in self.tasks]
        classes = set(first.class_files)
        for file in files:
            for number, pattern in image_patterns:
                if match := pattern.match(file.path):
                    self.images[number][match["case"], match["before"]] = file
            if match := mask_pattern.match(file.path):
                label = match["label"] if classes else ""
                if not classes or label in classes:
                    self.masks[match["case"], match["before"]][label] = file

    def pair_same_folder(self, used: set[str]) -> None:
        for place, mask in self.masks.items():
            images = {number: found[place] for number, found in self.images.items() if place in found}
            if images:
                self._take(place, images, mask, used)

    def pair_by_case(self, used: set[str]) -> None:
        free_masks: dict[str, list[Place]] = defaultdict(list)
        for place, mask in self.masks.items():
            if not used & {file.path for file in mask.values()}:
                free_masks[place[0]].append(place)
        free_images: dict[str, dict[int, list[SourceFile]]] = defaultdict(lambda: defaultdict(list))
        for number, found in self.images.items():
            for place, file in found.items():
                if place[0] in free_masks and file.path not in used:
                    free_images[place[0]][number].append(file)
        for case, places in free_masks.items():
            # a file of two tasks may have been taken a moment ago, with another case
            listed = {number: [f for f in files if f.path not in used] for number, files in free_images[case].items()}
            images = {number: files for number, files in listed.items() if files}
            if len(places) == 1 and images and all(len(files) == 1 for files in images.values()):
                chosen = {number: files[0] for number, files in images.items()}
                self._take(places[0], chosen, self.masks[places[0]], used)
            elif images:
                candidates = [file for place in places for file in self.masks[place].values()]
                candidates += [file for files in images.values() for file in files]
                self.ambiguous[case] = sorted(set(candidates))
                used.update(file.path for file in candidates)

    def collect(self, used: set[str]) -> tuple[list[Case], list[DeadLetter]]:
        """Cases of the group, and a dead letter for each case or image left out."""
        cases, dead = [], []
        by_case: dict[str, list[Place]] = defaultdict(list)
        for place in self.pairs:
            by_case[place[0]].append(place)
        for name, places in sorted(by_case.items()):
            case_id = self._case_id(name)
            if len(places) > 1:
                fault = DataFault("match", "duplicate_case", count=len(places))
                path = min(self._mask_path(self.masks[place]) for place in places)
                dead.append(self._letter(case_id, 0, fault, path))
                continue
            case, letters = self._case(case_id, places[0])
            dead += letters
            if case is not None:
                cases.append(case)
        for name, files in sorted(self.ambiguous.items()):
            fault = DataFault("match", "duplicate_case", count=len(files))
            dead.append(self._letter(self._case_id(name), 0, fault, files[0].path))
        for _, found in sorted(self.images.items()):
            for place, file in sorted(found.items()):
                if file.path not in used:
                    fault = DataFault("match", "mask_missing")
                    dead.append(self._letter(self._case_id(place[0]), 0, fault, file.path))
        return cases, dead

    def orphan_masks(self, used: set[str]) -> list[tuple[int, DeadLetter]]:
        """For each mask without any image: how many of its class files are missing, and its dead letter."""
        orphans = []
        for place, mask in sorted(self.masks.items()):
            if not used & {file.path for file in mask.values()}:
                missing = max(0, len(self.tasks[0].class_files) - len(mask))
                fault = DataFault("match", "image_missing")
                orphans.append((missing, self._letter(self._case_id(place[0]), 0, fault, self._mask_path(mask))))
        return orphans

    def _mask_path(self, mask: dict[str, SourceFile]) -> str:
        """The mask file, or the folder of per-class masks."""
        path = min(file.path for file in mask.values())
        return path.rsplit("/", 1)[0] if self.tasks[0].class_files else path

    def _case(self, case_id: str, place: Place) -> tuple[Case | None, list[DeadLetter]]:
        first, masks = self.tasks[0], self.masks[place]
        dead: list[DeadLetter] = []
        if first.class_files and len(masks) < len(first.class_files):
            fault = DataFault(
                "match",
                "mask_incomplete",
                missing=len(first.class_files) - len(masks),
                expected=len(first.class_files),
            )
            return None, [self._letter(case_id, 0, fault, self._mask_path(masks))]
        images = []
        for task in self.tasks:
            file = self.pairs[place].get(task.number)
            if file is None:
                fault = DataFault("match", "image_missing")
                dead.append(self._letter(case_id, task.number, fault, self._mask_path(masks)))
                continue
            upstream_name = task.upstream_name.replace("{case}", place[0])
            images.append(CaseImage(task.number, file, task.channel, upstream_name))
        ordered = [masks[stem] for stem in first.class_files] if first.class_files else [masks[""]]
        labels = tuple(first.labels) if first.class_files else ()
        patient = self.dataset.patient_of(case_id)
        case = Case(self.dataset.name, case_id, patient, tuple(images), tuple(ordered), labels)
        return case, dead

    def _take(self, place: Place, images: dict[int, SourceFile], mask: dict[str, SourceFile], used: set[str]) -> None:
        self.pairs[place] = images
        used.update(file.path for file in (*images.values(), *mask.values()))

    def _case_id(self, case: str) -> str:
        return f"{self.name}/{case}" if self.name else case

    def _letter(self, case_id: str, task: int, fault: DataFault, path: str) -> DeadLetter:
        return DeadLetter(self.dataset.name, case_id, task, fault.stage, fault.reason, fault.message, path)


def _is_writable(case: Case) -> bool:
    """Whether all its paths are Unicode text."""
    return is_unicode("".join(file.path for file in case.files))


def _bad_name(case: Case) -> DeadLetter:
    """Its paths could stand in no column, and another name in their place would find no file."""
    fault, path = DataFault("match", "bad_name"), min(file.path for file in case.files if not is_unicode(file.path))
    return DeadLetter(case.dataset, case.case_id, 0, fault.stage, fault.reason, fault.message, path)


def _path(file: SourceFile) -> str:
    return file.path
