"""`medvision view` as a user calls it."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from medvision.pipelines.main import main


@pytest.fixture(scope="module")
def row(built) -> dict:
    """A slice with a lesion, without its image."""
    tables = [pq.read_table(path, partitioning=None) for path in sorted(built.out.glob("annotations/KiTS23/*"))]
    rows = [row for table in tables for row in table.to_pylist() if any(n["ellipses"] for n in row["lesions"])]
    return rows[0]


def viewed(built, tmp_path, row_id: str, *options: str) -> np.ndarray:
    to = tmp_path / "picture.png"
    assert main(["view", str(built.out), row_id, "--out", str(to), *options]) == 0
    return np.asarray(Image.open(to)).astype(int)


def test_a_slice_is_drawn_in_true_proportions(built, row, tmp_path):
    picture = viewed(built, tmp_path, row["slice_id"], "--size", "500", "--no-legend")
    extent_mm = [n * mm for n, mm in zip((row["height"], row["width"]), row["pixel_spacing_mm"], strict=True)]
    height, width = (round(mm * 500 / max(extent_mm)) for mm in extent_mm[::-1])
    assert picture.shape == (height, width, 3)


def test_the_orientation_of_the_array_is_the_turned_picture(built, row, tmp_path):
    options = (row["slice_id"], "--no-legend", "--size", "300", "--window", "2000", "0")
    turned = viewed(built, tmp_path, *options)
    array = viewed(built, tmp_path, *options, "--orientation", "array")
    assert turned.shape[:2] == array.shape[1::-1]
    grey = [(a.max(axis=2) - a.min(axis=2) < 3) & (a.max(axis=2) < 200) for a in (turned, array.transpose(1, 0, 2))]
    both = grey[0] & grey[1][::-1, ::-1]
    difference = np.abs(turned - array.transpose(1, 0, 2)[::-1, ::-1]).max(axis=2)
    assert np.median(difference[both]) < 3


def test_a_label_or_a_pair_is_shown_alone(built, row, tmp_path):
    whole = viewed(built, tmp_path, row["slice_id"], "--blank")
    lesion = row["lesions"][0]
    by_name = viewed(built, tmp_path, row["slice_id"], "--blank", "--label", lesion["name"])
    by_value = viewed(built, tmp_path, row["slice_id"], "--blank", "--label", str(lesion["label"]))
    pair = f"{row['slice_id']}-lesion-{lesion['lesion_task']:02d}-{lesion['label']}"
    alone = viewed(built, tmp_path, pair, "--blank")
    assert np.array_equal(by_name, by_value)
    assert len({picture.tobytes() for picture in (whole, by_name, alone)}) == 3


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["KiTS23-nobody-t01-axial-0001"], "no slice"),
        (["{slice_id}", "--label", "spleen"], "its labels"),
        (["{slice_id}", "--out", "picture.jpg"], "PNG"),
        (["{slice_id}", "--size", "9999"], "64 to 4096"),
        (["{volume_id}"], "is a volume"),
    ],
)
def test_what_cannot_be_drawn_exits_with_2(built, row, capsys, monkeypatch, tmp_path, arguments, word):
    monkeypatch.chdir(tmp_path)
    ids = {"slice_id": row["slice_id"], "volume_id": row["slice_id"].rsplit("-", 2)[0]}
    assert main(["view", str(built.out), *(text.format(**ids) for text in arguments)]) == 2
    assert word in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_release_without_images_says_so_and_draws_blank(version, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    release = version("1.4.0")
    file = sorted(release.glob("annotations/FeTA24/*"))[0]
    slice_id = pq.read_table(file, columns=["slice_id"], partitioning=None)["slice_id"][0].as_py()
    assert main(["view", str(release), slice_id]) == 2
    assert "--blank" in capsys.readouterr().err
    assert main(["view", str(release), slice_id, "--blank"]) == 0
    assert (tmp_path / f"{slice_id}.png").stat().st_size > 1000
