"""Check that a release keeps its promises: its files, rows, volumes, pairs, measures and, when asked, its pixels."""

from __future__ import annotations

from collections import defaultdict

from medvision.pipelines.checks.files import check_documents, check_footers, check_present, check_sha256, check_tables
from medvision.pipelines.checks.findings import READ_FAULTS, Check, Findings, Report
from medvision.pipelines.checks.pair_values import check_pair_values
from medvision.pipelines.checks.pairs import check_pairs
from medvision.pipelines.checks.plans import check_plans
from medvision.pipelines.checks.shards import ShardChecks
from medvision.pipelines.checks.slices import DatasetTally, check_counts, check_unique
from medvision.pipelines.release import Release, ReleaseError, keeps_images, open_release
from medvision.transforms.content import combine

__all__ = ["LEVELS", "Check", "Report", "report_lines", "validate_release"]

LEVELS = ("quick", "normal", "deep")


def validate_release(url: str, level: str = "normal") -> Report:
    """Check a release; what is wrong with it is in the report and never raised.

    Args:
        url: Local path or fsspec URL of the release root.
        level: "quick" looks at the manifest, the two tables and the sizes of all files; "normal" also hashes
            every file, checks every row and pair, and takes the measures of lesions and landmarks again; "deep"
            also decodes every image and computes the content hash.

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
    check_documents(release, findings)
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
    shards = ShardChecks(release, sound, deep, findings)
    content = combine(digest for file in release.files("annotations") for digest in shards.run(file, tallies))
    _check_twins_listed(release, findings)
    check_unique(release, "annotations", "slice_id", sound, findings)
    check_unique(release, "volumes", "volume_id", sound, findings)
    check_unique(release, "pairs", "pair_id", sound, findings)
    for dataset in sorted({file.dataset for file in release.files("pairs")}):
        check_pairs(release, dataset, sound, findings)
        if shards.rules is not None:
            check_pair_values(release, dataset, sound, shards.rules, findings)
    check_plans(release, findings)
    check_counts(release, tallies, sound, findings)
    read = findings.passed("images", "schemas", "annotation_files", "volume_files", "twins", "row_counts")
    return content if deep and read else ""


def _check_twins_listed(release: Release, findings: Findings) -> None:
    """A dataset has as many volume files as annotation files, and as many data files, and tars, or none."""
    for dataset in sorted({file.dataset for file in release.files("annotations")}):
        stems = _stems(release, "annotations", dataset)
        for kind in ("volumes", "data", "webdataset"):
            found = _stems(release, kind, dataset)
            if found or kind == "volumes":
                findings.same("twins", f"in {kind} or annotations alone", sorted(found ^ stems), [])
        if not keeps_images(release, dataset):
            images = [file.path for file in release.files("data", dataset)]
            findings.same("twins", f"images of {dataset}, which enters without any", images, [])


def _stems(release: Release, kind: str, dataset: str) -> set[str]:
    return {file.path.removeprefix(f"{kind}/").rsplit(".", 1)[0] for file in release.files(kind, dataset)}
