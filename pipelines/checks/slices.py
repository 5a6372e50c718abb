"""Checks on slice rows: unique ids, sides, equal rows with and without images, and the manifest's counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc

from medvision.pipelines.checks.files import pair_kind
from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.checks.unique import repeated
from medvision.pipelines.release import Release, slice_prefix
from medvision.schemas.record import SOURCES_TABLE
from medvision.schemas.rows import ANNOTATION_SCHEMA

PATHS = ("source_path", "mask_path", "landmark_path")
"""Columns of slice rows that name raw files, or the folder of several."""


@dataclass
class DatasetTally:
    """What the annotation files of one dataset hold, file by file."""

    slices: int = 0
    cases: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    sides_of_patient: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def check_rows(path: str, dataset: str, table: pa.Table, tally: DatasetTally, findings: Findings) -> None:
    """Rows belong to the file they stand in, and their ids fit; adds them to `tally`.

    Args:
        path: `annotations/<Dataset>/<side>-...`, relative to the release root.
        table: All rows of that file, of ANNOTATION_SCHEMA.
    """
    ids = table["slice_id"]
    side = PurePosixPath(path).name.split("-")[0]
    mine = pc.and_(pc.equal(table["side"], side), pc.equal(table["dataset"], dataset))
    findings.rows("rows_in_place", mine.fill_null(False).to_numpy(), ids)
    fits = pc.and_(pc.starts_with(ids, slice_prefix(dataset)), pc.less_equal(pc.binary_length(ids), 128))
    fits = pc.and_(fits, pc.invert(pc.match_substring_regex(ids, r"[./\\]")))
    findings.rows("slice_id_form", fits.fill_null(False).to_numpy(), ids)
    tally.slices += table.num_rows
    tally.cases.update(table["case_id"].unique().to_pylist())
    for name in PATHS:
        tally.paths.update(path for path in table[name].unique().to_pylist() if path)
    for pair in table.group_by(["patient", "side"]).aggregate([]).to_pylist():
        tally.sides_of_patient[pair["patient"]].add(pair["side"])


def check_twin(release: Release, path: str, table: pa.Table, findings: Findings) -> None:
    """The data file `path` has, beside its images, the rows of `table` in the same order."""
    start, names = 0, ANNOTATION_SCHEMA.names
    with findings.guard("data_rows", path), release.parquet(path) as data:
        findings.same("data_rows", f"{path} rows", data.metadata.num_rows, table.num_rows)
        for number in range(data.num_row_groups):
            found = data.read_row_group(number, names)
            expected = table.slice(start, found.num_rows)
            findings.count("data_rows", found.num_rows)
            if not found.equals(expected):
                both = zip(found.to_pylist(), expected.to_pylist(), strict=False)
                for row, (one, other) in enumerate(both, start):
                    wrong = [name for name in names if repr(one[name]) != repr(other[name])]
                    if wrong:
                        findings.fail("data_rows", f"{path} row {row}: {wrong} differ from annotations")
            start += found.num_rows


def check_unique(release: Release, kind: str, column: str, sound: set[str], findings: Findings) -> None:
    """No string of `column` stands twice in all files of `kind`."""
    check = f"unique_{column}"

    def columns() -> Iterator[pa.Array]:
        for file in release.files(kind):
            if file.path in sound:
                with release.parquet(file.path) as table:
                    for batch in table.iter_batches(batch_size=1 << 16, columns=[column]):
                        yield batch.column(0).fill_null("")

    findings.count(check, sum(file.rows for file in release.files(kind)))
    with findings.guard(check, kind):
        twice = repeated(columns)
        if twice:
            findings.fail_many(check, len(twice), twice)


def check_counts(release: Release, tallies: dict[str, DatasetTally], sound: set[str], findings: Findings) -> None:
    """The manifest's counts of every dataset are those of its files; no patient is on both sides."""
    stated = release.manifest.get("datasets", {})
    findings.same("counts", "datasets", sorted({f.dataset for f in release.files()} - set(stated)), [])
    for dataset in sorted(stated):
        tally = tallies.get(dataset, DatasetTally())
        with findings.guard("counts", dataset):
            _check_dataset(release, dataset, stated[dataset], tally, sound, findings)
        findings.count("patients_one_side", len(tally.sides_of_patient))
        for patient, sides in sorted(tally.sides_of_patient.items()):
            if len(sides) > 1:
                findings.fail("patients_one_side", f"{dataset} patient {patient}")


def _check_dataset(
    release: Release, dataset: str, stated: dict, tally: DatasetTally, sound: set[str], findings: Findings
) -> None:
    pairs: Counter[str] = Counter()
    for file in release.files("pairs", dataset):
        pairs[pair_kind(file.path)] += file.rows
    letters = list(_dead_letters(release, dataset, sound))
    reasons = Counter(letter["reason"] for letter in letters)
    findings.same("counts", f"{dataset} slices", tally.slices, stated["slices"])
    findings.same("counts", f"{dataset} pairs", _nonzero(pairs), _nonzero(stated["pairs"]))
    findings.same("counts", f"{dataset} dead letters", _nonzero(reasons), _nonzero(stated["dead_letters"]))
    cases, paths = _sources(release, dataset)
    folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
    findings.count("sources_listed", len(tally.paths))
    for path in sorted(path for path in tally.paths if path not in paths and path.rstrip("/") not in folders):
        findings.fail("sources_listed", f"{dataset}: {path} was read, and is not in {SOURCES_TABLE}")
    known = tally.cases | {letter["case_id"] for letter in letters} | cases
    # Of a case that was read a build of some planes may show nothing.
    unbuilt = sum(str(case).startswith(f"{dataset}/") for case in release.manifest.get("unbuilt", []))
    findings.count("counts", 2)
    if not len(tally.cases) <= stated["cases"] <= len(known) + unbuilt:
        span = f"{len(tally.cases)} with slices, {len(known)} read or with dead letters"
        findings.fail("counts", f"{dataset} cases: {span}, the manifest says {stated['cases']}")
    shards = len(release.files("annotations", dataset))
    if shards > stated["shards"]:
        findings.fail("counts", f"{dataset} shards: {shards} files, the manifest says {stated['shards']}")


def _dead_letters(release: Release, dataset: str, sound: set[str]) -> Iterable[dict[str, str]]:
    for file in release.files("dead_letters", dataset):
        if file.path in sound:
            yield from release.parquet(file.path).read(["case_id", "reason"]).to_pylist()


def _sources(release: Release, dataset: str) -> tuple[set[str], set[str]]:
    """Cases that were read, and the paths of their files."""
    table = release.parquet(SOURCES_TABLE).read(["dataset", "case_id", "path"])
    mine = table.filter(pc.equal(table["dataset"], dataset))
    return set(mine["case_id"].to_pylist()), set(mine["path"].to_pylist())


def _nonzero(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in sorted(counts.items()) if count}
