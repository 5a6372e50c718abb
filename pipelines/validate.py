"""Check that a release keeps its promises: its files, rows, pairs, measures and, when asked, its pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from medvision.pipelines.checks.files import check_footers, check_present, check_sha256, check_tables
from medvision.pipelines.checks.findings import READ_FAULTS, Check, Findings, Report
from medvision.pipelines.checks.images import check_images, data_images
from medvision.pipelines.checks.measures import check_measures
from medvision.pipelines.checks.pairs import check_pairs
from medvision.pipelines.checks.plans import check_plans
from medvision.pipelines.checks.slices import DatasetTally, check_counts, check_rows, check_twin, check_unique
from medvision.pipelines.checks.tars import tar_images
from medvision.pipelines.release import Release, ReleaseError, open_release
from medvision.schemas.record import PublishedFile
from medvision.transforms.content import combine

__all__ = ["LEVELS", "Check", "Report", "report_lines", "validate_release"]

LEVELS = ("quick", "normal", "deep")
ROWS_AT_ONCE = 256


def validate_release(url: str, level: str = "normal") -> Report:
    """Check a release; what is wrong with it is in the report and never raised.

    Args:
        url: Local path or fsspec URL of the release root.
        level: "quick" looks at the manifest, the two tables and the sizes of all files; "normal" also hashes
            every file and checks every row and pair; "deep" also decodes every image and computes the content
            hash.

    Raises:
        ValueError: Another `level`.
    """
    if level not in LEVELS:
        raise ValueError(f"level {level!r} is none of {', '.join(LEVELS)}")
    findings, content = Findings(), ""
    try:
        release = open_release(url)
        findings.count("manifest")
    except (ReleaseError, OSError) as error:
        findings.fail("manifest", str(error))
        return Report(url, level, findings.checks())
    check_tables(release, findings)
    try:
        release.files()
    except READ_FAULTS:  # already a failure of the tables
        return Report(url, level, findings.checks())
    check_present(release, findings)
    if level != "quick":
        content = _check_contents(release, level == "deep", findings)
    return Report(url, level, findings.checks(), content)


def report_lines(report: Report) -> list[str]:
    """The report as text, one line a check, for the command line."""
    width = max((len(check.name) for check in report.checks), default=0)
    lines = [
        f"{'ok' if check.ok else 'FAIL':<4} {check.name:<{width}} {check.counted:>12,}  {check.detail}"
        for check in report.checks
    ]
    if report.content_hash:
        lines.append(f"content {report.content_hash}")
    failed = sum(not check.ok for check in report.checks)
    verdict = "holds" if report.ok else f"fails {failed} of {len(report.checks)} checks"
    return [*(line.rstrip() for line in lines), f"{report.url} {verdict} ({report.level})"]


def _check_contents(release: Release, deep: bool, findings: Findings) -> str:
    """Everything that reads the files. Returns the content hash when `deep` and every row has one."""
    check_sha256(release, findings)
    sound = check_footers(release, findings)
    tallies: dict[str, DatasetTally] = defaultdict(DatasetTally)

    def digests() -> Iterator[bytes]:
        for file in release.files("annotations"):
            if file.path in sound:
                yield from _check_shard(release, file, sound, tallies[file.dataset], deep, findings)

    content = combine(digests())
    _check_twins_listed(release, findings)
    check_unique(release, "annotations", "slice_id", sound, findings)
    check_unique(release, "pairs", "pair_id", sound, findings)
    for dataset in sorted({file.dataset for file in release.files("pairs")}):
        check_pairs(release, dataset, sound, findings)
    check_plans(release, findings)
    check_counts(release, tallies, sound, findings)
    hashed = deep and findings.passed("images", "schemas", "annotation_files", "row_counts")
    return content if hashed else ""


def _check_shard(
    release: Release,
    file: PublishedFile,
    sound: set[str],
    tally: DatasetTally,
    deep: bool,
    findings: Findings,
) -> Iterator[bytes]:
    """Check one annotation file with its data file and tar; yields the digest of each row when `deep`."""
    with findings.guard("annotation_files", file.path):
        findings.count("annotation_files")
        table = release.parquet(file.path).read()
        check_rows(file.path, file.dataset, table, tally, findings)
        check_measures(table, findings)
        stem = file.path.removeprefix("annotations/").removesuffix(".parquet")
        data, tar = f"data/{stem}.parquet", f"webdataset/{stem}.tar"
        kept = release.manifest.get("switches", {}).get("images") != "none"
        if data in sound:
            check_twin(release, data, table, findings)
        members = tar_images(release, tar, _rows(table), kept, findings) if tar in sound else None
        if deep:
            images = data_images(release, data, findings) if data in sound else None
            yield from check_images(_rows(table), images, members, kept, findings)
        for _ in members or ():
            continue


def _check_twins_listed(release: Release, findings: Findings) -> None:
    """A dataset has as many data files, and as many tars, as annotation files, or none."""
    for dataset in sorted({file.dataset for file in release.files("annotations")}):
        stems = _stems(release, "annotations", dataset)
        for kind in ("data", "webdataset"):
            found = _stems(release, kind, dataset)
            if found:
                findings.same("twins", f"in {kind} or annotations alone", sorted(found ^ stems), [])


def _stems(release: Release, kind: str, dataset: str) -> set[str]:
    return {file.path.removeprefix(f"{kind}/").rsplit(".", 1)[0] for file in release.files(kind, dataset)}


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=ROWS_AT_ONCE):
        yield from batch.to_pylist()
