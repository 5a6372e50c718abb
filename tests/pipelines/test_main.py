"""The command line: what it prints, where, and its exit codes."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from medvision.pipelines import preflight
from medvision.pipelines import stats as stats_module
from medvision.pipelines.cli.common import PIPE_COLUMNS, make_console
from medvision.pipelines.main import main
from medvision.pipelines.run import BuildResult
from medvision.schemas.failures import KEPT
from medvision.sources.registry import DATASETS
from medvision.transforms import shard


@pytest.fixture
def build(raw: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """Run `medvision build` into `out`; returns (exit code, stdout, stderr)."""

    def run(*arguments: str, root: Path = raw, datasets: tuple[str, ...] = ("ACDC",)) -> tuple[int, str, str]:
        places = ["--raw", str(root), "--out", str(tmp_path / "out"), "--workers", "1"]
        capfd.readouterr()
        code = main(["build", *datasets, *places, "--private", *arguments])
        return code, *capfd.readouterr()

    return run


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def manifest(out: Path) -> dict:
    return json.loads((out / "manifest.json").read_text())


QUICK = ("--planes", "axial", "--formats", "parquet", "--limit", "1")


# datasets


def test_datasets_prints_a_row_each(capsys):
    assert main(["datasets"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for dataset in DATASETS.values():
        (line,) = [line for line in lines if f" {dataset.name} " in line]
        assert f" {dataset.images_published:,} " in line
        assert f" {dataset.licence} " in line


def test_datasets_prints_json(capsys):
    assert main(["datasets", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [item["name"] for item in listed] == list(DATASETS)
    kits = listed[list(DATASETS).index("KiTS23")]
    assert (kits["images_published"], kits["lesion_tasks"], kits["modalities"]) == (489, 1, ["CT"])


@pytest.mark.parametrize("arguments", [["datasets"], ["datasets", "--json"]])
def test_an_ascii_pipe_takes_every_line(arguments):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "40"}
    program = [sys.executable, "-c", "import sys; from medvision.pipelines.main import main; sys.exit(main())"]
    done = subprocess.run([*program, *arguments], env=environment, capture_output=True, check=True)
    text = done.stdout.decode("ascii")
    assert all(name in text for name in DATASETS)
    assert "\x1b" not in text
    assert done.stderr == b""


def test_a_pipe_that_closes_early_is_no_traceback():
    program = "import sys; from medvision.pipelines.main import main; sys.exit(main(['datasets']))"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.wait()


def test_without_a_command_the_usage_is_shown(capsys):
    with pytest.raises(SystemExit) as stopped:
        main([])
    assert stopped.value.code == 2
    assert "usage: medvision" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["datasets", "--no-such"], ["validate", "x", "--no-such"]])
def test_other_commands_take_no_further_options(capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "unrecognized arguments: --no-such" in capsys.readouterr().err


# build


def test_build_prints_progress_and_a_summary_that_a_pipe_can_take(build, out):
    code, printed, errors = build("--planes", "axial")
    assert code == 0
    assert errors == ""
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", printed)
    progress = [line for line in printed.splitlines() if "cases/s" in line]
    assert progress
    assert re.fullmatch(r"4/4 cases, 2/2 shards, [\d.]+ cases/s, 0 cases left out, \d+ s", progress[-1])
    (row,) = [line for line in printed.splitlines() if " ACDC " in line]
    counts = manifest(out)["datasets"]["ACDC"]
    assert f" {counts['slices']} " in row
    assert f" {counts['pairs']['BoxSize']} " in row
    assert f"release by rules 1.4.0 in {out}: start with README.md there" in printed.splitlines()


def test_progress_lines_come_while_the_build_runs(build, monkeypatch):
    from medvision.pipelines import progress

    monkeypatch.setattr(progress, "LOG_SECONDS", 0.02)
    code, printed, _ = build("--planes", "axial")
    assert code == 0
    done = [int(match[1]) for match in re.finditer(r"^(\d)/4 cases, ", printed, re.MULTILINE)]
    assert len(done) > 2
    assert done == sorted(done)
    assert done[-1] == 4


def test_build_names_datasets_spelled_like_a_bad_one(build, out):
    code, printed, errors = build(datasets=("Kits32",))
    assert (code, printed) == (2, "")
    assert errors.startswith("medvision build: no dataset is named 'Kits32'")
    assert errors.rstrip().endswith("did you mean KiTS23?")
    assert not out.exists()


def test_dataset_names_of_any_letter_case_count_once(build, out):
    assert build(*QUICK, datasets=("acdc", "ACDC"))[0] == 0
    assert list(manifest(out)["datasets"]) == ["ACDC"]


def test_build_needs_the_raw_folder(build, raw, out):
    code, _, errors = build(datasets=("MSD",))
    assert (code, errors) == (2, f"medvision build: {raw} has no folder MSD; unpack the dataset there\n")
    assert not out.exists()


def test_build_needs_a_case_in_the_raw_folder(build, tmp_path):
    (tmp_path / "raw/ACDC/empty").mkdir(parents=True)
    code, _, errors = build(root=tmp_path / "raw")
    assert code == 2
    assert f"no case of ACDC found below {tmp_path / 'raw'}/ACDC; its images are expected as {{case}}.nii.gz" in errors


def test_a_folder_keeps_one_release_unless_replace_is_asked(build, out):
    assert build(*QUICK)[0] == 0
    before = (out / "manifest.json").read_bytes()
    for arguments, datasets, why in (
        (("--rules", "exact", *QUICK), ("ACDC",), f"{out} holds a release by rules 1.4.0, not exact"),
        (QUICK, ("ACDC", "KiTS23"), f"{out} holds a release of ACDC"),
        ((*QUICK, "--images", "png8"), ("ACDC",), f"{out} holds a release built with other images"),
        ((*QUICK, "--planes", "axial,coronal"), ("ACDC",), f"{out} holds a release built with other planes"),
        ((*QUICK, "--formats", "webdataset"), ("ACDC",), f"{out} holds a release built with other formats"),
    ):
        code, _, errors = build(*arguments, datasets=datasets)
        assert code == 2
        assert errors.startswith(f"medvision build: {why}")
        assert "--replace" in errors
        assert (out / "manifest.json").read_bytes() == before
    assert build("--rules", "exact", "--replace", *QUICK)[0] == 0
    assert manifest(out)["rules"] == "exact"


def test_limit_takes_the_first_cases_and_may_grow(build, out):
    assert build(*QUICK)[0] == 0
    assert manifest(out)["datasets"]["ACDC"]["cases"] == 1
    assert manifest(out)["limit"] == 1
    assert set(pq.read_table(out / "annotations").column("case_id").to_pylist()) == {"patient001_frame01"}
    assert build(*QUICK[:-1], "3")[0] == 0
    assert manifest(out)["datasets"]["ACDC"]["cases"] == 3


def test_planes_and_formats_choose(build, out):
    assert build("--planes", "axial,sagittal", "--formats", "parquet", "--limit", "1")[0] == 0
    assert set(pq.read_table(out / "annotations").column("plane").to_pylist()) == {"axial", "sagittal"}
    assert (out / "data").is_dir()
    assert not (out / "webdataset").exists()


@pytest.mark.parametrize(("images", "bits"), [("png16", 16), ("png8", 8), ("none", 0)])
def test_images_choose_the_depth(build, out, images, bits):
    assert build("--images", images, "--planes", "axial", "--limit", "1")[0] == 0
    assert (out / "data").exists() == bool(bits)
    assert (out / "webdataset").exists() == bool(bits)
    if bits:
        (path,) = (out / "data").rglob("*.parquet")
        png = pq.read_table(path).column("image")[0].as_py()["bytes"]
        assert png[24] == bits  # bit depth in the IHDR chunk


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--planes", "axial,oblique"], "'axial,oblique' is not a list of sagittal, coronal, axial"),
        (["--formats", ""], "'' is not a list of parquet, webdataset"),
        (["--limit", "0"], "'0' is not a whole number from 1"),
        (["--workers", "two"], "'two' is not a whole number from 1"),
        (["--case-minutes", "-1"], "'-1' is not a number from 0"),
        (["--worker-gb", "inf"], "'inf' is not a number from 0"),
        (["--rules", "9.9"], "invalid choice: '9.9'"),
        (["--images", "jpg"], "invalid choice: 'jpg'"),
    ],
)
def test_bad_values_are_usage_errors(capsys, arguments, why):
    with pytest.raises(SystemExit) as stopped:
        main(["build", "ACDC", "--raw", "raw", "--out", "out", *arguments])
    assert stopped.value.code == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--fromats", "parquet"], ["--no_such_option=3"]])
def test_an_option_that_nobody_knows_is_an_error(build, out, arguments):
    code, printed, errors = build(*QUICK, *arguments)
    assert (code, printed) == (2, "")
    assert errors == (f"medvision build: unknown option {arguments[0]!r}: neither `medvision build` nor Beam has it\n")
    assert not out.exists()


def test_an_option_of_beam_is_passed_on(build):
    assert build(*QUICK, "--job_name=of-mine", "--direct_num_workers=1")[0] == 0


@pytest.fixture
def damaged(raw: Path, tmp_path: Path) -> Path:
    """Raw root with one damaged image."""
    shutil.copytree(raw / "ACDC", tmp_path / "damaged/ACDC")
    (image,) = (tmp_path / "damaged").rglob("patient001_frame01.nii.gz")
    image.write_bytes(image.read_bytes()[:500])
    return tmp_path / "damaged"


@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 1)])
def test_a_case_left_out_is_shown_and_fails_under_strict(build, out, damaged, strict, code):
    done, printed, _ = build("--planes", "axial", *strict, root=damaged)
    assert done == code
    assert "left out of ACDC: 1 bad_gzip (see dead_letters/ACDC.parquet)" in printed.splitlines()
    assert (out / "dead_letters/ACDC.parquet").exists()
    assert manifest(out)["complete"] is True


def test_strict_is_content_with_a_whole_release(build):
    assert build(*QUICK, "--strict")[0] == 0


def test_an_incomplete_release_fails(build, monkeypatch):
    manifest = {"datasets": {}, "rules": "1.4.0", "complete": False, "unbuilt": ["ACDC/a", "ACDC/b"]}
    monkeypatch.setattr("medvision.pipelines.run.run_build", lambda *arguments: BuildResult(manifest))
    code, printed, _ = build()
    assert code == 1
    assert "incomplete: 2 cases unbuilt; build again to try them" in printed.splitlines()


def test_too_little_space_is_refused_before_any_work(build, out, monkeypatch):
    free = 10_000
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(free, 0, free))
    code, printed, errors = build()
    assert (code, printed) == (2, "")
    assert re.search(rf"the release may take [\d.]+ GB and {out} has 0\.0 GB left; free some space", errors)
    assert not out.exists()


def test_space_that_suffices_is_accepted(build, monkeypatch):
    free = 10_000_000_000
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda place: shutil._ntuple_diskusage(free, 0, free))
    assert build(*QUICK)[0] == 0


def test_a_publish_of_another_build_is_named(build, out):
    import socket

    assert build(*QUICK)[0] == 0
    lock = out / ".shards/publish.lock"
    lock.write_text(json.dumps({"run": "other", "host": socket.gethostname(), "pid": os.getpid()}))
    code, _, errors = build(*QUICK)
    assert code == 2
    assert f"another build is publishing into {out}" in errors
    assert lock.exists()


# validate, inspect


@pytest.mark.parametrize("level", [[], ["--quick"], ["--deep"]])
def test_validate_is_content_with_a_release(built, capsys, level):
    assert main(["validate", str(built.out), *level]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"{built.out} holds ({level[0][2:] if level else 'normal'})"
    assert not any(line.startswith("FAIL") for line in lines)


def test_validate_finds_a_changed_byte(built, tmp_path, capsys):
    root = tmp_path / "release"
    shutil.copytree(built.out, root)
    path = next((root / "data/ACDC").glob("*.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert main(["validate", str(root), "--quick"]) == 0
    assert main(["validate", str(root)]) == 1
    assert any(line.startswith("FAIL sha256") for line in capsys.readouterr().out.splitlines())


def test_validate_of_no_release_fails(tmp_path, capsys):
    assert main(["validate", str(tmp_path)]) == 1
    assert "has no manifest.json" in capsys.readouterr().out


def test_inspect_prints_a_slice(built, capsys):
    row = pq.read_table(next((built.out / "annotations/KiTS23").glob("*.parquet"))).slice(3, 1).to_pylist()[0]
    assert main(["inspect", str(built.out), row["slice_id"]]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(row["slice_id"])
    assert row["source_path"] in printed
    for segment in row["segments"]:
        assert f"{segment['pixel_count']} pixels, {segment['area_mm2']:.6g} mm2" in printed


def test_inspect_prints_a_volume(built, capsys):
    row = pq.read_table(next((built.out / "volumes/KiTS23").glob("*.parquet"))).slice(0, 1).to_pylist()[0]
    assert main(["inspect", str(built.out), row["volume_id"]]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(row["volume_id"])
    for structure in row["structures"]:
        assert f"{structure['voxel_count']} voxels, {structure['volume_mm3']:.6g} mm3" in printed
    for lesion in row["lesions"][0]["lesions"]:
        assert f"measure {lesion['measure_mm']:.6g} mm, raster {lesion['raster_mm']:.6g} mm" in printed


def test_inspect_of_an_unknown_slice_is_a_usage_error(built, capsys):
    assert main(["inspect", str(built.out), "KiTS23-nope"]) == 2
    assert "no slice 'KiTS23-nope'" in capsys.readouterr().err


def test_a_narrow_pipe_folds_and_loses_no_text(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    main(["datasets"])
    narrow = capsys.readouterr().out
    assert max(map(len, narrow.splitlines())) <= 60
    assert all(name in narrow for name in DATASETS)
    assert "…" not in narrow
    assert f"images {DATASETS['KiTS23'].images_published:,}" in narrow


def test_a_pipe_without_a_width_takes_whole_tables_on_stderr_too(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert [make_console(stderr).width for stderr in (False, True)] == [PIPE_COLUMNS] * 2


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("file", "is a file; name a folder"),
        ("file/below", "which is a file; name a folder"),
        ("raw", "would mix with the raw data"),
        ("raw/KiTS23/out", "would mix with the raw data"),
        (".", "would mix with the raw data"),
    ],
)
def test_a_release_lies_in_a_folder_apart_from_the_raw_data(tmp_path, capsys, place, why):
    (tmp_path / "raw" / "ACDC").mkdir(parents=True)
    (tmp_path / "file").touch()
    assert main(["build", "ACDC", "--raw", str(tmp_path / "raw"), "--out", str(tmp_path / place)]) == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("command", [["build", "--raw", "raw", "--out", "out"], ["fetch", "--to", "raw"]])
def test_all_stands_alone(capsys, command):
    assert main([command[0], "all", "ACDC", *command[1:]]) == 2
    assert "`all` stands alone" in capsys.readouterr().err


def test_a_folder_that_lets_nothing_be_written_is_told_before_a_build(build, out, monkeypatch):
    monkeypatch.setattr(preflight.os, "access", lambda place, mode: Path(place) != out.parent)
    code, _, errors = build(*QUICK)
    assert code == 2
    assert f"{out.parent} lets nothing be written; name another folder" in errors


def test_a_folder_of_plans_that_is_not_there_is_told_before_a_build(build, tmp_path):
    code, _, errors = build("--splits-from", str(tmp_path / "nowhere"))
    assert code == 2
    assert errors == f"medvision build: --splits-from {tmp_path / 'nowhere'} is not a folder\n"


@pytest.mark.parametrize(("place", "why"), [("", "is a folder; name a file"), ("none/m.json", "make it first")])
def test_a_file_that_cannot_be_written_is_told_before_a_build(tmp_path, capsys, place, why):
    with pytest.raises(SystemExit) as stopped:
        main(["build", "ACDC", "--raw", "raw", "--out", "out", "--metrics", str(tmp_path / place)])
    assert stopped.value.code == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "a/b"), 2, "a/b: Permission denied; mend that, or name"),
        (
            OSError(errno.ENOSPC, "No space left on device", "a/b"),
            1,
            "a/b: No space left on device; mend that, or name",
        ),
        (KeyboardInterrupt(), 1, "stopped"),
    ],
)
def test_what_the_system_or_the_user_stops_is_told_in_one_line(monkeypatch, capsys, error, code, line):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(stats_module, "count_release", fail)
    assert main(["stats", "release"]) == code
    errors = capsys.readouterr().err
    assert errors.startswith(f"medvision stats: {line}")
    assert len(errors.splitlines()) == 1


def test_an_interrupted_build_is_told_in_one_line(raw, tmp_path):
    """Ctrl-C reaches the workers too."""
    program = "import sys; from medvision.pipelines.main import main; sys.exit(main())"
    places = ["--raw", str(raw), "--out", str(tmp_path / "out"), "--images", "none"]
    process = subprocess.Popen(
        [sys.executable, "-c", program, "build", "ACDC", "KiTS23", *places],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )
    while not (tmp_path / "out").exists() and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors == f"medvision build: stopped; {KEPT}\n"


def test_a_step_that_fails_is_told_in_one_line(build, monkeypatch):
    """Beam logs a traceback of it before it raises."""

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(shard, "measure_case", fail)
    code, _, errors = build(*QUICK)
    assert code == 1
    assert errors.startswith("medvision build: stopped by OSError: no space left on device")
    assert len(errors.splitlines()) == 1
