"""One dataset's raw files before a long build: cases, partners, headers, labels, sizes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import fsspec

from medvision.pipelines.preflight import estimated_bytes
from medvision.pipelines.survey.findings import Found, meaning_of
from medvision.pipelines.survey.grids import GridCheck
from medvision.pipelines.survey.labels import check_labels
from medvision.pipelines.survey.published import TaskCount, compare_published, count_tasks
from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.transforms.match import Matched
from medvision.transforms.patients import ListFileError
from medvision.transforms.plan import Bucket, bucket_of
from medvision.transforms.ranges import is_folder
from medvision.transforms.read import CaseReader
from medvision.transforms.select import find_cases

SHARD_BYTES = 256e6
"""Usual size of a shard of one format."""
OVER_SIZE = 2.0
RAW_BYTES_PER_SECOND = 25e6
"""Raw bytes that one worker turns into both formats on all planes (measured on a gzipped CT of 512x512x600)."""
EXPECTED = ("known_bad", "no_spacing", "excluded_upstream")
"""Reasons that a table or upstream decided; no surprise."""


@dataclass(frozen=True)
class Survey:
    """Numbers of one dataset.

    Attributes:
        cases, patients, images, masks: Matched; `images` counts a channel of a 4D file as one image.
        patients_with_several_cases: Numbered splits, which go by file, may put such a patient on both sides.
        tasks: Images by task.
        left_out: Number of dead letters by reason.
        slices_at_most: All slices of the headers that were read, over the asked planes and all images.
        shards, largest_shard_bytes: Planned shards, and the estimate for the largest one of one format.
        bytes_raw: Of the files of the cases.
        bytes_estimated: Upper estimate of the release.
        seconds: Estimated time of one worker, by RAW_BYTES_PER_SECOND.
    """

    dataset: str
    cases: int
    patients: int
    patients_with_several_cases: int
    images: int
    masks: int
    images_published: int
    masks_published: int
    tasks: tuple[TaskCount, ...]
    left_out: dict[str, int]
    slices_at_most: int
    shards: int
    largest_shard_bytes: int
    bytes_raw: int
    bytes_estimated: int
    seconds: float


def survey_dataset(dataset: Dataset, options: BuildOptions, deep: bool, found: Found) -> tuple[Survey, list[Case]]:
    """Survey one dataset; returns its numbers and cases. What is wrong goes to `found`, a data fault never ends it."""
    fs, root = fsspec.core.url_to_fs(options.raw)
    folder = f"{root.rstrip('/')}/{dataset.name}"
    matched = _matched(dataset, options, is_folder(fs, folder), found)
    cases = list(matched.cases)
    grids = GridCheck(dataset, fs, folder, options, found)
    slices = sum(grids.slices_at_most(case) for case in cases)
    kept = cases
    if deep:
        reader = CaseReader(fs, folder, dataset)
        empty = {case.case_id for case in cases if case.masks and not check_labels(case, reader, dataset, found)}
        kept = [case for case in cases if case.case_id not in empty or not dataset.drop_empty_masks]
    counts = count_tasks(dataset, kept)
    if cases:
        compare_published(dataset, kept, counts, options.rule_table, deep, found)
    _note_listed(dataset, cases, found)
    shards = _shards(dataset, cases, options, found)
    raw = sum(file.size for file in {file for case in cases for file in case.files})
    per_patient = Counter(case.patient for case in cases)
    survey = Survey(
        dataset=dataset.name,
        cases=len(cases),
        patients=len(per_patient),
        patients_with_several_cases=sum(count > 1 for count in per_patient.values()),
        images=sum(count.images for count in counts if count.kind == "mask" or not dataset.tasks),
        masks=sum(bool(case.masks) for case in kept),
        images_published=dataset.images_published,
        masks_published=dataset.masks_published,
        tasks=counts,
        left_out=dict(sorted(Counter(letter.reason for letter in matched.dead_letters).items())),
        slices_at_most=slices,
        shards=len(shards),
        largest_shard_bytes=int(max(shards.values(), default=0.0)),
        bytes_raw=raw,
        bytes_estimated=int(sum(estimated_bytes(case, options) for case in cases)),
        seconds=round(raw / RAW_BYTES_PER_SECOND, 1),
    )
    return survey, cases


def _matched(dataset: Dataset, options: BuildOptions, present: bool, found: Found) -> Matched:
    name = dataset.name
    matched = Matched((), ())
    try:
        matched = find_cases(dataset, options) if present else matched
    except ListFileError as error:
        found.add("error", name, "list_file", "the publisher's list of patients is missing or damaged", str(error))
        return matched
    except OSError as error:
        found.add_unreadable(name, error, name)
        return matched
    for letter in matched.dead_letters:
        severity = "info" if letter.reason in EXPECTED else "warning"
        which = f" (task {letter.task:02d})" if letter.task else ""
        found.add(severity, name, letter.reason, meaning_of(letter.reason), f"{letter.path}{which}")
    if not present:
        found.add("error", name, "folder_missing", "no folder of this name below ROOT", name)
    elif not matched.cases:
        expected = dataset.tasks[0].image if dataset.tasks else dataset.landmark_tasks[0].image
        found.add("error", name, "no_cases", "nothing in the folder makes a case", f"images are expected as {expected}")
    return matched


def _note_listed(dataset: Dataset, cases: Sequence[Case], found: Found) -> None:
    """Cases that the table lists as bad or doubtful and that are kept."""
    listed = (("known_bad", dataset.known_bad), ("no_spacing", dataset.no_mm), ("suspect", dataset.suspect))
    for code, why in listed:
        for case in cases:
            if case.case_id in why:
                found.add("info", dataset.name, code, f"kept, though listed: {why[case.case_id]}", case.case_id)


def _shards(dataset: Dataset, cases: Sequence[Case], options: BuildOptions, found: Found) -> dict[Bucket, float]:
    """Estimated bytes of each shard of one format."""
    sizes: dict[Bucket, float] = defaultdict(float)
    for case in cases:
        sizes[bucket_of(case, dataset.bucket_bits)] += estimated_bytes(case, options) / len(options.formats)
    for (_, side, bucket), size in sorted(sizes.items()):
        if size > OVER_SIZE * SHARD_BYTES:
            meaning = f"a shard is estimated at over {OVER_SIZE:g} times the usual {SHARD_BYTES / 1e6:.0f} MB"
            found.add("info", dataset.name, "bucket_over_size", meaning, f"{side} {bucket}: {size / 1e6:.0f} MB")
    return dict(sizes)
