"""`medvision check`: look at raw data before a long build, without building."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches

import fsspec
from rich.console import Console
from rich.table import Column, Table

from medvision.pipelines.preflight import PreflightError, present_datasets
from medvision.pipelines.survey.dataset import RAW_BYTES_PER_SECOND, SHARD_BYTES, Survey, survey_dataset
from medvision.pipelines.survey.doubles import find_doubles
from medvision.pipelines.survey.findings import SEVERITIES, Finding, Found
from medvision.pipelines.tables import show_table
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import DATASETS, find_dataset
from medvision.transforms.ranges import is_folder

EXAMPLES = 3
"""Shown of each finding in the table for people."""
ASSUMED = (
    f"estimates: one worker turns {RAW_BYTES_PER_SECOND / 1e6:g} MB/s of raw files into both formats on all planes "
    "(measured on one gzipped CT of 512x512x600; more workers take less); slices and release GB are upper bounds"
)


@dataclass(frozen=True)
class Check:
    """Surveys and findings of a raw root; `doubles` are groups of files of equal content, as paths below it."""

    rules: str
    deep: bool
    surveys: tuple[Survey, ...]
    findings: tuple[Finding, ...]
    doubles: tuple[tuple[str, ...], ...]

    @property
    def ok(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)

    def to_json(self) -> str:
        document = {
            "ok": self.ok,
            "rules": self.rules,
            "deep": self.deep,
            "assumed": {"raw_bytes_per_second": RAW_BYTES_PER_SECOND, "shard_bytes": SHARD_BYTES},
            "datasets": [asdict(survey) for survey in self.surveys],
            "findings": [asdict(finding) for finding in self.findings],
            "duplicates": self.doubles,
        }
        return json.dumps(document, sort_keys=True)


def check_raw(names: Sequence[str], options: BuildOptions, deep: bool = False) -> Check:
    """Survey datasets below `options.raw`; no names take all that have a folder there.

    Args:
        deep: Also read the masks (labels), not headers alone.

    Raises:
        PreflightError: `options.raw` is no folder, or no dataset is named and none stands there.
        ValueError: A name that no dataset has.
    """
    fs, root = fsspec.core.url_to_fs(options.raw)
    if not is_folder(fs, root):
        raise PreflightError(f"{options.raw} is not a folder")
    found = Found()
    chosen = {dataset.name: dataset for dataset in map(find_dataset, names or present_datasets(options.raw))}
    surveys, cases = [], []
    for _, dataset in sorted(chosen.items()):
        survey, of_dataset = survey_dataset(dataset, options, deep, found)
        surveys.append(survey)
        cases += of_dataset
        if dataset.source_pool and of_dataset:
            also = [name for name in dataset.source_pool.split(", ") if name in chosen]
            example = dataset.source_pool + (f" (checked here too: {', '.join(also)})" if also else "")
            found.add("info", dataset.name, "source_pool", "shares scans with other public datasets", example)
    if not names:
        _note_misnamed(fs, root, found)
    doubles = find_doubles(cases, options, found)
    return Check(options.rules, deep, tuple(surveys), found.findings(), doubles)


def show_check(check: Check, console: Console) -> None:
    """A table of the datasets, one of the tasks of those with several, then the findings by severity."""
    table = Table(Column("dataset", no_wrap=True))
    headings = ("cases", "patients", "with several", "images", "published", "slices at most")
    for heading in (*headings, "shards", "raw GB", "release GB", "hours"):
        table.add_column(heading, justify="right")
    tasks = Table(Column("dataset", no_wrap=True), "task", Column("image", overflow="fold"))
    for heading in ("images", "published"):
        tasks.add_column(heading, justify="right")
    for s in check.surveys:
        numbers = (s.cases, s.patients, s.patients_with_several_cases, s.images, s.images_published, s.slices_at_most)
        sizes = (f"{s.bytes_raw / 1e9:.2f}", f"{s.bytes_estimated / 1e9:.2f}", f"{s.seconds / 3600:.2f}")
        table.add_row(s.dataset, *(f"{number:,}" for number in (*numbers, s.shards)), *sizes)
        for t in s.tasks if len(s.tasks) > 1 else ():
            known = "" if t.published is None else f"{t.published:,}"
            tasks.add_row(s.dataset, f"{t.kind} {t.task:02d}", t.image.replace("[", "\\["), f"{t.images:,}", known)
    show_table(console, table)
    if tasks.row_count:
        show_table(console, tasks)
    for line in [ASSUMED, *finding_lines(check.findings), "no errors" if check.ok else "errors: see above"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def finding_lines(findings: Sequence[Finding]) -> list[str]:
    """Findings by severity and code; of each dataset the count and at most EXAMPLES examples."""
    lines = []
    for severity in SEVERITIES:
        by_code: dict[tuple[str, str], list[Finding]] = defaultdict(list)
        for finding in findings:
            if finding.severity == severity:
                by_code[finding.code, finding.meaning].append(finding)
        for (code, meaning), of_code in sorted(by_code.items()):
            lines.append(f"{severity} {code} ({sum(finding.count for finding in of_code)}): {meaning}")
            for finding in of_code:
                shown = "; ".join(finding.examples[:EXAMPLES])
                more = f"; and {finding.count - EXAMPLES} more" if finding.count > EXAMPLES else ""
                lines.append(f"  {finding.dataset} ({finding.count}): {shown}{more}")
    return lines


def _note_misnamed(fs: fsspec.AbstractFileSystem, root: str, found: Found) -> None:
    """Folders below the raw root that are named almost like a dataset, and so are passed over."""
    by_key = {name.casefold(): name for name in DATASETS}
    for entry in fs.ls(root, detail=True):
        name = str(entry["name"]).rstrip("/").rsplit("/", 1)[-1]
        close = get_close_matches(name.casefold(), by_key, 1, 0.8)
        if entry["type"] == "directory" and name not in DATASETS and close:
            meaning = "folder is passed over: its name is not that of a dataset"
            found.add("warning", by_key[close[0]], "folder_misnamed", meaning, f"{name}, meant: {by_key[close[0]]}")
