"""gs:// to gs:// through a store that refuses, resets, cuts, loses answers and is slow: the bytes of a local build."""

import hashlib
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from miniature import random_of, stored_affine, write_nifti
from promises import gcs, racing
from promises.faulty_proxy import KINDS, FaultyProxy, Often, faulty_proxy, no_faults
from promises.kill import kill_points, runs
from promises.kill.hurry import hurry
from promises.release_bytes import release_bytes
from promises.tiny_raw import write_acdc_case, write_kits_case, write_msd_case

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import ShardRecord

pytestmark = pytest.mark.heavy

DATASETS = ("ACDC", "KiTS23", "MSD")
UPLOADED_IN_PARTS = ("data.parquet", "webdataset.tar")
KILLED = -signal.SIGKILL
RAW, OUT = f"gs://{gcs.BUCKET}/raw", f"gs://{gcs.BUCKET}/out"
BUILD = ["build", *DATASETS, "--raw", RAW, "--out", OUT, "--workers", "1", "--private"]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four cases; one is large enough that its pictures are uploaded in parts."""
    root = tmp_path_factory.mktemp("object-storage") / "raw"
    write_acdc_case(root, 0)
    write_msd_case(root, 0)
    case = root / "KiTS23/dataset/case_00000"
    affine, labels = stored_affine("IPL", (1.0, 1.0, 2.0)), np.zeros((80, 72, 40), np.uint8)
    labels[20:40, 20:40, 10:20] = 1
    write_nifti(case / "imaging.nii.gz", random_of(3, "large").integers(0, 4000, labels.shape).astype(np.int16), affine)
    write_nifti(case / "segmentation.nii.gz", labels, affine)
    return root


@pytest.fixture(scope="module")
def local(raw: Path) -> dict[str, str]:
    """The bytes of a local build."""
    out = raw.with_name("local")
    run_build(BuildOptions(raw=str(raw), out=str(out), datasets=DATASETS))
    return release_bytes(out)


@pytest.fixture
def proxy(raw: Path) -> Iterator[FaultyProxy]:
    with gcs.emulator() as bucket, faulty_proxy(bucket) as proxy:
        bucket.put(raw, "raw")
        yield proxy


def build(proxy: FaultyProxy, stage: str = "") -> int | None:
    """Exit code of a build through the proxy."""
    process = runs.start(BUILD, stage, gcs.environment(proxy.url))
    process.join(120)
    return process.exitcode


def published(proxy: FaultyProxy, folder: Path) -> dict[str, str]:
    return release_bytes(proxy.backend.get("out", folder))


def standing(proxy: FaultyProxy) -> list[str]:
    return [name.removeprefix("out/") for name in proxy.backend.names("out/")]


def test_faults_change_no_byte_and_leave_nothing(
    proxy: FaultyProxy, local: dict[str, str], tmp_path: Path, record_property: Any
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    proxy.plan = Often(every=6, seed=1)
    process = runs.start(BUILD, environment={**gcs.environment(proxy.url), "TMPDIR": str(scratch)})
    most = 0
    while process.is_alive():
        most = max(most, sum(os.path.getsize(p) for p in scratch.rglob("*") if p.is_file()))  # noqa: PTH202
        process.join(0.05)
    assert process.exitcode == 0
    assert published(proxy, tmp_path / "copy") == local
    for kind in KINDS:
        assert proxy.injected[kind] > 2, proxy.injected
    assert list(scratch.iterdir()) == []
    assert most < 1000, "only marks of progress go to the local disk"
    record_property("injected", dict(proxy.injected))
    assert not [name for name in standing(proxy) if "/trying-" in name or "lock" in name]


def medvision(proxy: FaultyProxy) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [runs.CONSOLE_SCRIPT, *BUILD],
        env={**os.environ, **gcs.environment(proxy.url), "PYTHONPATH": str(Path(kill_points.__file__).parent)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_store_that_never_answers_ends_the_build(proxy: FaultyProxy) -> None:
    proxy.plan = lambda method, path: "503"
    failed = medvision(proxy)
    assert failed.returncode == 1
    assert len(failed.stderr.splitlines()) == 1, failed.stderr
    assert failed.stderr.startswith(f"medvision build: could not read {OUT}/manifest.json: HttpError")
    assert standing(proxy) == []


def test_a_raw_file_out_of_reach_is_no_dead_letter(proxy: FaultyProxy, local: dict[str, str], tmp_path: Path) -> None:
    proxy.plan = lambda method, path: "reset" if "frame07_gt" in path and "alt=media" in path else ""
    failed = medvision(proxy)
    assert failed.returncode == 1
    assert "could not read" in failed.stderr
    assert "frame07_gt.nii.gz" in failed.stderr
    assert failed.stderr.splitlines()[-1].startswith("medvision build: stopped by could not read")
    assert {name.split("/")[0] for name in standing(proxy)} == {".shards"}, "nothing is published"
    assert not [name for name in standing(proxy) if "dead_letters" in name]
    proxy.plan = no_faults
    assert build(proxy) == 0
    assert published(proxy, tmp_path / "copy") == local


def test_killed_in_mid_upload_leaves_no_object(proxy: FaultyProxy, local: dict[str, str], tmp_path: Path) -> None:
    assert build(proxy, "mid-upload") == KILLED
    assert [request for request in proxy.asked if "uploadType=resumable" in request], "an upload in parts was begun"
    names = standing(proxy)
    assert {name.split("/")[0] for name in names} == {".shards"}
    begun = [name.split("/")[1] for name in names if "/trying-" in name]
    assert len(begun) == 1
    assert not [name for name in names if begun[0] in name and name.endswith(UPLOADED_IN_PARTS)]
    assert build(proxy) == 0
    assert published(proxy, tmp_path / "copy") == local


def test_killed_before_and_in_publish(proxy: FaultyProxy, raw: Path, local: dict[str, str], tmp_path: Path) -> None:
    """Before it the old release stands; within it readers refuse; what follows builds no shard a second time."""
    assert build(proxy) == 0
    asked = Counter(request.partition("?")[0] for request in proxy.asked if "alt=media" in request)
    of_raw = [count for request, count in asked.items() if "/o/raw%2F" in request]
    assert of_raw == [1] * 8, "one request a raw file"
    assert len(proxy.asked) < 65 * 3, "of three shards, the publish included"
    changed = tmp_path / "changed"
    write_kits_case(changed, 1)
    proxy.backend.put(changed, "raw")
    assert build(proxy, "after a record") == KILLED
    after_record = published(proxy, tmp_path / "old")
    assert after_record == local
    assert build(proxy, "before the manifest") == KILLED
    assert "manifest.json" not in standing(proxy)
    assert ".publishing" in standing(proxy)
    attempts = {name for name in standing(proxy) if "/attempt-" in name}
    assert build(proxy, "attempt") == 0, "no shard is begun again"
    assert {name for name in standing(proxy) if "/attempt-" in name} <= attempts
    new = tmp_path / "new"
    write_all = BuildOptions(raw=str(merged(raw, changed, tmp_path)), out=str(new), datasets=DATASETS)
    run_build(write_all)
    assert published(proxy, tmp_path / "copy") == release_bytes(new)


def merged(raw: Path, changed: Path, folder: Path) -> Path:
    root = folder / "merged"
    for source in (raw, changed):
        for path in (path for path in source.rglob("*") if path.is_file()):
            target = root / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return root


def race_there(environment: dict[str, str], options: BuildOptions, start: Any, out: Any) -> None:
    os.environ.update(environment)
    hurry()
    shards = [shard for name in DATASETS for shard in racing.plan(options, name)]
    racing.race(options, shards, start, out, False)


def test_of_two_attempts_at_once_one_wins_whole(proxy: FaultyProxy, local: dict[str, str], tmp_path: Path) -> None:
    """Also where the winner's answer is lost and its second try finds its own record in the way."""
    created: list[str] = []

    def plan(method: str, path: str) -> str:
        """The answer to every other creation is lost."""
        created.extend([path] if "ifGenerationMatch=0" in path else [])
        return "lost answer" if "ifGenerationMatch=0" in path and len(created) % 2 else ""

    options = BuildOptions(raw=RAW, out=OUT, datasets=DATASETS)
    start, returned = runs.CONTEXT.Barrier(2), runs.CONTEXT.Queue()
    environment = gcs.environment(proxy.url)
    racers = [runs.CONTEXT.Process(target=race_there, args=(environment, options, start, returned)) for _ in range(2)]
    proxy.plan = plan
    for racer in racers:
        racer.start()
    first, second = returned.get(timeout=60), returned.get(timeout=60)
    for racer in racers:
        racer.join()
    assert proxy.injected["lost answer"] > 3
    assert first == second
    copy = proxy.backend.get("out", tmp_path / "raced")
    for record in first:
        assert record == standing_record(copy, record)
        assert len(list((copy / ".shards" / record.shard.key).glob("attempt-*"))) == 2
        assert len({Path(file.path).parent for file in record.files}) == 1
        for file in record.files:
            assert hashlib.sha256((copy / file.path).read_bytes()).hexdigest() == file.sha256
    assert build(proxy, "attempt") == 0, "no shard is built once more"
    assert published(proxy, tmp_path / "copy") == local


def standing_record(copy: Path, record: ShardRecord) -> ShardRecord:
    place = copy / ".shards" / record.shard.key / f"record-{record.shard.fingerprint}.json"
    return ShardRecord.from_json(json.dumps(json.loads(place.read_text())))
