"""Plans exported from a release without them are, byte for byte, those of a build with them."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest
from miniature import write_miniature

from medvision.pipelines.export.folder import ExportError
from medvision.pipelines.export.job import FormOptions
from medvision.pipelines.export.run import export_release
from medvision.pipelines.export.select import Selection
from medvision.pipelines.release import ReleaseError
from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions

NAMES = ("AbdomenCT-1K", "BraTS24", "Ceph-Biometrics-400", "FeTA24", "KiTS23", "autoPET-III")
"""With dead letters of all kinds, several images a mask, landmarks, and empty masks dropped before the split."""


@pytest.fixture(scope="module")
def raw_of_plans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw of exported plans")
    write_miniature(root, NAMES, cases=4)
    damaged = sorted((root / "KiTS23").rglob("imaging.nii.gz"))[1]
    damaged.write_bytes(damaged.read_bytes()[:200])  # a case that keeps its place in the shuffle
    return root


def build(raw: Path, out: Path, formats: tuple[str, ...], names: tuple[str, ...] = NAMES, **options: Any) -> Path:
    run_build(BuildOptions(str(raw), str(out), names, images="none", formats=formats, planes=("axial",), **options))
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def bare(raw_of_plans: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release without plans, without its store."""
    out = build(raw_of_plans, tmp_path_factory.mktemp("bare") / "release", ("parquet",))
    shutil.rmtree(out / ".shards")
    assert not (out / "plans").exists()
    return out


@pytest.fixture(scope="module")
def expected(raw_of_plans: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return contents(build(raw_of_plans, tmp_path_factory.mktemp("planned") / "release", ("parquet", "plans")) / "plans")


@pytest.mark.slow
def test_plans_from_the_release_alone(bare: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    done = export_release(str(bare), "plans", str(tmp_path / "o"))
    assert contents(tmp_path / "o/plans") == expected
    assert len(expected) > 20
    assert done.files == len(expected) + 1  # and export.json
    assert done.bytes > sum(map(len, expected.values()))


@pytest.mark.slow
def test_plans_with_the_raw_folder(bare: Path, raw_of_plans: Path, expected: dict[str, bytes], tmp_path: Path) -> None:
    chosen = Selection(datasets=("autoPET-III", "FeTA24"))
    export_release(str(bare), "plans", str(tmp_path / "o"), chosen, FormOptions(raw=str(raw_of_plans)))
    found = contents(tmp_path / "o/plans")
    assert found == {path: data for path, data in expected.items() if path.split("/")[1] in chosen.datasets}
    assert len(found) > 5


def test_a_limited_release_needs_the_raw_folder(raw_of_plans: Path, tmp_path: Path) -> None:
    few = build(raw_of_plans, tmp_path / "few", ("parquet", "plans"), ("KiTS23",), limit=2)
    with pytest.raises(ExportError, match=r"the first 2 cases of each dataset.* --raw"):
        export_release(str(few), "plans", str(tmp_path / "o"))
    export_release(str(few), "plans", str(tmp_path / "o"), options=FormOptions(raw=str(raw_of_plans)))
    assert contents(tmp_path / "o/plans") == contents(few / "plans")


def test_sides_that_were_published_are_asked_for(tmp_path: Path) -> None:
    """Plans with their sides exchanged: those of the release cannot be computed from its sources."""
    raw = tmp_path / "raw"
    write_miniature(raw, ["KiTS23"], cases=4)
    first = build(raw, tmp_path / "first", ("parquet", "plans"), ("KiTS23",))
    published = tmp_path / "published/Datasets/KiTS23"
    published.mkdir(parents=True)
    for path in (first / "plans/Datasets/KiTS23").glob("benchmark_plan_*"):
        exchanged = gzip.decompress(path.read_bytes())
        for one, other in ((b'"train_cases', b'"TEST'), (b'"test_cases', b'"train_cases'), (b'"TEST', b'"test_cases')):
            exchanged = exchanged.replace(one, other)
        (published / path.name).write_bytes(gzip.compress(exchanged))
    plans = str(tmp_path / "published")
    second = build(raw, tmp_path / "second", ("parquet", "plans"), ("KiTS23",), splits_from=plans)
    with pytest.raises(ExportError, match="--splits-from"):
        export_release(str(second), "plans", str(tmp_path / "o"))
    export_release(str(second), "plans", str(tmp_path / "o"), options=FormOptions(splits_from=plans))
    assert contents(tmp_path / "o/plans") == contents(second / "plans") != contents(first / "plans")


def test_rules_without_plans_and_parts_are_refused(version: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no plans by rules exact"):
        export_release(str(version("exact")), "plans", str(tmp_path / "o"))
    with pytest.raises(ExportError, match="leave --split and --plane out"):
        export_release(str(version("1.4.0")), "plans", str(tmp_path / "o"), Selection(planes=("axial",)))
    with pytest.raises(ReleaseError, match="no dataset 'Nope'; it holds CAMUS, FeTA24, KiTS23"):
        export_release(str(version("1.4.0")), "plans", str(tmp_path / "o"), Selection(datasets=("Nope",)))
