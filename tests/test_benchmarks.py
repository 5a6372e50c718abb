"""The sides of the benchmark do the work that they are compared by."""

import cv2
import floor
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench import STEPS, table_of
from cases import save
from floor_plan import amounts, floor_images, written_bytes
from sides import SIDES, Run, Work, _floor, _naive, _ours

SHAPE = (21, 26, 7)


@pytest.fixture(scope="module", params=["int16", "float32"])
def works(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Work]:
    """A raw archive of one case, and what each side is to do with it."""
    home = tmp_path_factory.mktemp("bench")
    rng = np.random.default_rng(4)
    mask = np.zeros(SHAPE, np.uint8)
    mask[3:12, 5:20, 2:5] = 1
    mask[14:18, 2:9, 1:4] = 3
    values = rng.normal(0, 300, SHAPE).astype(request.param)
    stem = "raw/ACDC/patient001/patient001_frame01"
    save(home / f"{stem}.nii.gz", np.asfortranarray(values), (1.5, 1.25, 8.0))
    save(home / f"{stem}_gt.nii.gz", np.asfortranarray(mask), (1.5, 1.25, 8.0))
    return {side: Work(side, "ACDC", home / "raw", home / side, "png16", home / "ours") for side in SIDES}


@pytest.fixture(scope="module")
def runs(works: dict[str, Work]) -> dict[str, Run]:
    done = {}
    for side, prepare in (("ours", _ours), ("floor", _floor), ("naive", _naive)):
        works[side].out.mkdir(parents=True)
        done[side] = prepare(works[side])()
    return done


def test_each_side_tells_its_steps_and_bytes(works, runs):
    for side, run in runs.items():
        assert set(run.steps) <= set(STEPS), side
        assert 0 < sum(run.steps.values()) <= run.seconds
    assert runs["floor"].bytes == runs["ours"].bytes == written_bytes(works["ours"].out)


def test_the_floor_encodes_the_slices_of_the_release(works, runs):
    """As they lie in the file, which is LPS: both axes in the plane of the scan run the other way."""
    release = works["ours"].out
    (image,) = floor_images(release, works["ours"].raw / "ACDC")
    pictures = floor._pictures(floor.inflate(image.path), image)
    encoded = [cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED) for png in pictures]
    tables = pa.concat_tables(pq.read_table(path) for path in release.rglob("attempt-*/data.parquet"))
    rows = sorted(tables.to_pylist(), key=lambda row: (row["slice_dim"], row["slice_idx"]))
    assert len(encoded) == len(rows) == 9 + 4 + 15 + 7 - 4 + 4 == amounts(release, works["ours"].raw / "ACDC")["rows"]
    place = 0
    for dim in range(3):
        shown = [row for row in rows if row["slice_dim"] == dim]
        for row in shown if dim == 2 else shown[::-1]:
            stored = cv2.imdecode(np.frombuffer(row["image"]["bytes"], np.uint8), cv2.IMREAD_UNCHANGED)
            flipped = stored[tuple(slice(None, None, -1 if axis < 2 else 1) for axis in range(3) if axis != dim)]
            difference = np.abs(encoded[place].astype(int) - flipped.astype(int))
            assert difference.max() <= (0 if image.step == 1.0 else 1)  # float32 against float64
            place += 1


def test_the_naive_build_finds_the_same_slices(works, runs):
    rows = pq.read_table(works["naive"].out / "data.parquet", columns=["plane", "slice_idx"]).to_pylist()
    files = works["ours"].out.rglob("attempt-*/annotations.parquet")
    ours = pa.concat_tables(pq.read_table(path, columns=["plane", "slice_idx"]) for path in files).to_pylist()
    assert sorted(map(str, rows)) == sorted(map(str, ours))


def test_the_table_has_a_total_for_each_case():
    side = {"seconds": 2.0, "steps": dict.fromkeys([*STEPS, "other"], 0.25), "peak_mb": 100}
    result = {
        "case": "ct",
        "images": "none",
        "ratio_to_floor": 1.5,
        "naive_to_ours": None,
        **dict.fromkeys(SIDES, side),
    }
    table = table_of([result])
    assert list(table.columns[1].cells)[-1] == "[bold]total[/]"
    assert list(table.columns[5].cells)[-1] == "[bold]1.50[/]"
