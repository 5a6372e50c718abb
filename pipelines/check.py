"""`medvision check`: look at raw data before a long build, without building."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import fsspec
from rich.console import Console
from rich.table import Column, Table

from medvision.pipelines.findings import Finding, Found
from medvision.pipelines.preflight import present_datasets
from medvision.pipelines.survey import Survey, survey_dataset
from medvision.schemas.case import Case
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import find_dataset
from medvision.transforms.streams import sha256_of

RAW_BYTES_PER_SECOND = 8e6
"""Gzipped raw bytes that one worker turns into both formats on all planes (measured on a 512x512x600 CT)."""


@dataclass(frozen=True)
class Check:
    """Surveys and findings of a raw root."""

    surveys: tuple[Survey, ...]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)

    def to_json(self) -> str:
        return json.dumps(
            {
                "ok": self.ok,
                "datasets": [asdict(survey) | {"seconds": _seconds(survey)} for survey in self.surveys],
                "findings": [asdict(finding) for finding in self.findings],
            },
            sort_keys=True,
        )


def check_raw(names: Sequence[str], options: BuildOptions, deep: bool = False) -> Check:
    """Survey datasets below `options.raw`; no names take all that have a folder there.

    Args:
        deep: Also read the masks (labels), not headers alone.
    """
    found = Found()
    surveys, cases = [], []
    for name in names or present_datasets(options.raw):
        survey, of_dataset = survey_dataset(find_dataset(name), options, deep, found)
        surveys.append(survey)
        cases += of_dataset
    _find_duplicates(cases, options, found)
    for survey in surveys:
        pool = find_dataset(survey.dataset).source_pool
        if pool:
            found.add("info", survey.dataset, "source_pool", "shares scans with other public datasets", pool)
    return Check(tuple(surveys), tuple(found.findings()))


def show_check(check: Check, console: Console) -> None:
    """A table of the datasets, then the findings."""
    table = Table(Column("dataset", no_wrap=True))
    for heading in ("cases", "published", "patients", "images", "slices at most", "raw GB", "release GB", "hours"):
        table.add_column(heading, justify="right")
    for s in check.surveys:
        numbers = (s.cases, s.masks_published or s.images_published, s.patients, s.images, s.slices_at_most)
        sizes = (f"{s.bytes_raw / 1e9:.2f}", f"{s.bytes_estimated / 1e9:.2f}", f"{_seconds(s) / 3600:.2f}")
        table.add_row(s.dataset, *(f"{number:,}" for number in numbers), *sizes)
    console.print(table)
    for f in check.findings:
        line = f"{f.severity:<7} {f.dataset} {f.code} ({f.count}): {f.meaning}; {', '.join(f.examples)}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print("no errors" if check.ok else "errors: see above", markup=False, highlight=False)


def _seconds(survey: Survey) -> float:
    """Estimated time of one worker."""
    return round(survey.bytes_raw / RAW_BYTES_PER_SECOND, 1)


def _find_duplicates(cases: Sequence[Case], options: BuildOptions, found: Found) -> None:
    """Files of equal content, within and across datasets; only files of equal size are read."""
    fs, root = fsspec.core.url_to_fs(options.raw)
    by_size: dict[int, set[str]] = defaultdict(set)
    for case in cases:
        masks = () if case.mask_labels else case.masks  # empty class files are alike everywhere
        for file in {*(image.file for image in case.images), *masks}:
            by_size[file.size].add(f"{case.dataset}/{file.path}")
    for paths in (paths for size, paths in sorted(by_size.items()) if len(paths) > 1 and size):
        by_hash: dict[str, list[str]] = defaultdict(list)
        for path in sorted(paths):
            by_hash[sha256_of(fs, f"{root.rstrip('/')}/{path}")].append(path)
        for alike in (group for group in by_hash.values() if len(group) > 1):
            datasets = sorted({path.split("/", 1)[0] for path in alike})
            meaning = "files of equal content, maybe one subject on both sides of a split"
            found.add("warning", "+".join(datasets), "duplicate_content", meaning, " = ".join(alike))
