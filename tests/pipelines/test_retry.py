"""What was left out is built once it was mended, and nothing else is touched."""

import gzip
import json
import shutil
from pathlib import Path

import pytest
from miniature import write_miniature

from medvision.pipelines.main import main
from medvision.pipelines.release import open_release
from medvision.pipelines.retry import LeftOut, left_out, options_of, retry
from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions

DATASETS = ("ACDC", "KiTS23")
BROKEN = "KiTS23/dataset/case_00001/imaging.nii.gz"


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    write_miniature(tmp_path / "sound", DATASETS, cases=4)
    return tmp_path / "sound"


@pytest.fixture
def raw(sound: Path, tmp_path: Path) -> Path:
    """One case broken, one without its mask."""
    root = Path(shutil.copytree(sound, tmp_path / "raw"))
    (root / BROKEN).write_bytes(gzip.compress(b"no volume"))
    mask(root).unlink()
    return root


def mask(root: Path) -> Path:
    return sorted((root / "KiTS23").rglob("segmentation.nii.gz"))[0]


def options(raw: Path, out: Path) -> BuildOptions:
    return BuildOptions(str(raw), str(out), DATASETS, "1.3.0", ("axial",), ("parquet", "plans"))


def files(out: Path) -> dict[str, bytes]:
    """Every published file by path."""
    listed = [file.path for file in open_release(str(out)).files()]
    return {path: (out / path).read_bytes() for path in (*listed, "manifest.json", "README.md")}


def mend(raw: Path, sound: Path, *paths: Path) -> None:
    for path in paths:
        shutil.copy2(sound / path.relative_to(raw), path)


def test_the_options_are_those_of_the_build(raw: Path, tmp_path: Path) -> None:
    asked = options(raw, tmp_path / "out")
    run_build(asked)
    assert options_of(open_release(asked.out), asked.raw) == asked


def test_mended_cases_are_built_and_the_rest_is_kept(raw: Path, sound: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_build(options(raw, out))
    before = left_out(open_release(str(out)))
    assert [item.reason for item in before] == ["mask_missing", "bad_header"]
    mend(raw, sound, raw / BROKEN, raw / mask(sound).relative_to(sound))
    done = retry(str(out), str(raw))
    assert [item[:3] for item in done.built] == [item[:3] for item in before]
    assert (done.still, done.new) == ((), ())
    assert done.result is not None
    counters = done.result.counters
    shards = {file.path for file in open_release(str(out)).files("annotations", "KiTS23")}
    assert 0 < counters["shards"] - counters["shards_reused"] <= min(2, len(shards))
    assert counters["shards_reused"] >= 4, "those of ACDC, if not more"
    run_build(options(sound, tmp_path / "whole"))
    assert files(out) == files(tmp_path / "whole")


def test_what_is_not_mended_is_still_left_out(
    raw: Path, sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    run_build(options(raw, out))
    mend(raw, sound, raw / BROKEN)
    assert main(["retry", str(out), "--raw", str(raw), "--workers", "1", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [item["case_id"] for item in told["built"]] == ["case_00001"]
    (still,) = told["still"]
    assert still["reason"] == "mask_missing"
    mend(raw, sound, raw / mask(sound).relative_to(sound))
    assert main(["retry", str(out), "--raw", str(raw), "--workers", "1"]) == 0
    assert "built" in capsys.readouterr().out


def test_a_mended_file_may_show_the_next_fault(raw: Path, sound: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_build(options(raw, out))
    content = gzip.decompress((sound / BROKEN).read_bytes())
    (raw / BROKEN).write_bytes(gzip.compress(content[:-10]))
    done = retry(str(out), str(raw))
    assert done.built == ()
    assert {item.reason for item in done.still} == {"truncated", "mask_missing"}


def test_nothing_left_out_is_nothing_to_do(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    run_build(options(sound, out))
    stamp = (out / "manifest.json").stat().st_mtime_ns
    assert main(["retry", str(out), "--raw", str(sound)]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert (out / "manifest.json").stat().st_mtime_ns == stamp


def test_a_release_of_another_version_is_refused(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    run_build(options(raw, out))
    path = out / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"algorithm_version": 1}))
    assert main(["retry", str(out), "--raw", str(raw)]) == 2
    assert "medvision build" in capsys.readouterr().err


def test_order_is_by_dataset_case_and_task() -> None:
    assert LeftOut("A", "b", 1, "x") < LeftOut("A", "c", 0, "a") < LeftOut("B", "a", 0, "a")
