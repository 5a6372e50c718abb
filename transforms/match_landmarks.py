"""Cases of landmarks: an image kind with its landmark files, paired by case alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from medvision.schemas.case import Case, CaseImage, SourceFile
from medvision.schemas.dataset import Dataset, LandmarkTask
from medvision.schemas.faults import DataFault, DeadLetter
from medvision.transforms.patterns import compile_pattern


def match_landmarks(
    dataset: Dataset, task: LandmarkTask, files: Iterable[SourceFile], preferred: set[str]
) -> tuple[list[Case], list[DeadLetter]]:
    """Pair the images of a landmark task with their landmarks.

    Args:
        files: Visible files of the dataset, sorted.
        preferred: Paths of images that cases with masks use: where publishers ship derived copies of an image under
            its own name, those are meant.

    Returns:
        Cases by case id, and a dead letter for each image or first set of landmarks without the other.
    """
    listed = list(files)
    images = _by_case(task.image, task.case, listed)
    sources = {name: _by_case(pattern, task.case, listed) for name, pattern in task.sources.items()}
    transforms = _by_case(task.transform, task.case, listed) if task.transform else {}
    tables = [file for file in listed if compile_pattern(task.table, "").match(file.path)] if task.table else []
    first = next(iter(sources.values()))
    cases: list[Case] = []
    dead: list[DeadLetter] = []
    for name in sorted({*images, *first}):
        case_id = f"{task.group}/{name}" if task.group else name
        marks = {source: found[name] for source, found in sources.items() if name in found}
        chosen = [file for file in images.get(name, []) if file.path in preferred] or images.get(name, [])
        needed = {**marks, "": transforms.get(name, [])} if task.transform else marks
        fault = _problem(chosen, needed, next(iter(sources)))
        if fault is not None:
            path = min(file.path for file in [*images.get(name, []), *first.get(name, [])])
            dead.append(DeadLetter(dataset.name, case_id, task.number, fault.stage, fault.reason, fault.message, path))
            continue
        extras = [("transform", transforms[name][0])] if task.transform else []
        extras += [("table", table) for table in tables[:1]]
        cases.append(
            Case(
                dataset=dataset.name,
                case_id=case_id,
                patient=dataset.patient_of(case_id),
                images=(CaseImage(task.number, chosen[0], None, task.upstream_name.replace("{case}", name)),),
                masks=(),
                landmarks=tuple((source, found[0]) for source, found in marks.items()),
                extras=tuple(extras),
            )
        )
    return cases, dead


def _problem(images: list[SourceFile], needed: dict[str, list[SourceFile]], first: str) -> DataFault | None:
    """What is wrong with a case, None where it is whole; `needed` are its landmark files, and its transform as ""."""
    if not images:
        return DataFault("match", "image_missing")
    if first not in needed or not all(needed.values()):
        return DataFault("match", "landmarks_missing")
    most = max(len(images), *(len(found) for found in needed.values()))
    return DataFault("match", "duplicate_case", count=most) if most > 1 else None


def _by_case(pattern: str, case: str, files: list[SourceFile]) -> dict[str, list[SourceFile]]:
    compiled = compile_pattern(pattern, case)
    found: dict[str, list[SourceFile]] = defaultdict(list)
    for file in files:
        if match := compiled.match(file.path):
            found[match["case"]].append(file)
    return found
