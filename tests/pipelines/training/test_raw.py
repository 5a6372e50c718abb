"""`raw=`: pixels from the raw volumes are those that a build with images holds; files that changed are refused."""

import gzip
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from miniature import write_miniature
from tiny_release import edit_manifest
from training_release import Read

from medvision.pipelines.release import ReleaseError, open_release
from medvision.pipelines.run import run_build
from medvision.pipelines.training.raw_images import RawImages
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import DATASETS

pytestmark = pytest.mark.heavy

LOOKS: tuple[dict[str, Any], ...] = ({}, {"size": (33, 47), "orientation": "radiological"}, {"pixels": "values"})


def assert_same(first: Any, second: Any) -> None:
    assert first[0].dtype == second[0].dtype
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[2], second[2])
    assert repr(first[1]) == repr(second[1])


@pytest.mark.heavy
@pytest.mark.parametrize("images", ["png16", "png8"])
def test_every_slice_of_every_dataset_is_that_of_a_build_with_images(tmp_path: Path, images: str) -> None:
    """All readers: NIfTI in 3D and 4D, HDF5, films, images realigned onto their landmarks, axes that a list names."""
    raw = tmp_path / "raw"
    write_miniature(raw, cases=1)
    names = tuple(sorted(DATASETS))
    common = {"datasets": names, "planes": ("sagittal", "axial"), "formats": ("parquet",), "images": images}
    run_build(BuildOptions(str(raw), str(tmp_path / "full"), **common))
    run_build(BuildOptions(str(raw), str(tmp_path / "bare"), annotations_only=names, **common))
    full, bare = open_release(str(tmp_path / "full")), open_release(str(tmp_path / "bare"))
    assert not bare.files("data")
    spaces, seen = set(), set()
    for name in names:
        for split in full.configs()[name]:
            look = LOOKS[len(seen) % len(LOOKS)]
            stored = full.dataset(name, split, columns=("space", "source_channel"), **look)
            read = bare.dataset(name, split, columns=("space", "source_channel"), raw=raw, **look)
            assert len(stored) == len(read) > 0
            for number in range(len(stored)):
                assert_same(stored[number], read[number])
                target = read[number][1]
                spaces.add(target["space"])
                spaces.add("4D" if target["source_channel"] >= 0 else "3D")
            seen.add(name)
            assert read._process().raw.reads <= len(bare.files()) * 10
    assert seen == set(names)
    assert len(spaces) == 4, spaces


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_pairs(upstream: Read, bare: Read, training_raw: Path, look: dict[str, Any]) -> None:
    for config in [c for c in bare.release.configs() if "_Task" in c]:
        split = config.rsplit("_", 1)[1].lower()
        stored = upstream.release.dataset(config, split, **look)
        read = bare.release.dataset(config, split, raw=training_raw, **look)
        assert len(stored) == len(read)
        for number in range(0, len(stored), 3):
            assert_same(stored[number], read[number])


def test_raw_stands_in_for_images_that_are_there(upstream: Read, training_raw: Path) -> None:
    stored = upstream.release.dataset("KiTS23_axial", "train")
    read = upstream.release.dataset("KiTS23_axial", "train", raw=str(training_raw))
    for number in range(len(stored)):
        assert_same(stored[number], read[number])
    assert read._process().raw.reads > 0


def test_a_volume_is_read_once_an_epoch(bare: Read, training_raw: Path) -> None:
    rows = bare.rows("annotations/KiTS23/train-*.parquet")
    volumes = {row["source_path"] for row in rows}
    assert len(volumes) > 1
    dataset = bare.release.dataset("KiTS23", "train", raw=training_raw, volume_bytes=1)
    order = list(dataset.sampler(seed=4, window=1))
    assert sorted(order) == list(range(len(rows)))
    for number in order:
        dataset[number]
    assert dataset._process().raw.reads == len(volumes)
    pairs = bare.release.dataset("KiTS23_MaskSize_Task01_Axial_Train", "train", raw=training_raw, volume_bytes=1)
    for number in pairs.sampler(window=1):
        pairs[number]
    shown = {pair["image_file"] for pair in bare.pairs(pairs.config)}
    assert pairs._process().raw.reads == len(shown)


def test_volumes_in_memory_are_bounded(bare: Read, training_raw: Path) -> None:
    volumes = {row["source_path"]: np.prod(row["shape_xyz"]) for row in bare.rows("annotations/KiTS23/train-*.parquet")}
    free = bare.release.dataset("KiTS23", "train", raw=training_raw)
    for number in range(len(free)):
        free[number]
    images: RawImages = free._process().raw
    assert images._kept.nbytes >= sum(volumes.values())
    limit = images._kept.nbytes - 1  # one fewer than all
    tight = bare.release.dataset("KiTS23", "train", raw=training_raw, volume_bytes=limit)
    for number in np.random.default_rng(0).permutation(len(tight))[:40]:
        assert_same(tight[number], free[number])
        assert tight._process().raw._kept.nbytes <= limit
    assert tight._process().raw.reads > free._process().raw.reads


@pytest.mark.parametrize(
    "config", ["KiTS23", "KiTS23_axial", "KiTS23_annotations", "KiTS23_BoxSize_Task01_Axial_Train"]
)
def test_without_raw_it_says_what_to_do(bare: Read, config: str) -> None:
    with pytest.raises(ReleaseError, match="has no images of KiTS23") as raised:
        bare.release.dataset(config, "train")
    assert "raw='ROOT'" in str(raised.value)
    assert "--images none" in str(raised.value)


def test_images_in_tars_alone(training_raw: Path, tmp_path: Path) -> None:
    out = tmp_path / "tars"
    run_build(BuildOptions(str(training_raw), str(out), ("KiTS23",), planes=("axial",), formats=("webdataset",)))
    release = open_release(str(out))
    with pytest.raises(ReleaseError, match="in tars alone"):
        release.dataset("KiTS23", "train")
    assert release.dataset("KiTS23", "train", raw=training_raw)[0][0].any()


@pytest.fixture
def copied(training_raw: Path, tmp_path: Path) -> Path:
    """A raw root that may be changed."""
    return Path(shutil.copytree(training_raw, tmp_path / "copied"))


def first_image(read: Read, raw: Path, dataset: str = "KiTS23") -> Path:
    return raw / dataset / read.rows(f"annotations/{dataset}/train-*.parquet")[0]["source_path"]


def test_a_missing_file(bare: Read, copied: Path, tmp_path: Path) -> None:
    path = first_image(bare, copied)
    path.unlink()
    with pytest.raises(ReleaseError, match=f"no .*{path.name} below .*raw= takes the folder"):
        bare.release.dataset("KiTS23", "train", raw=copied)[0]
    with pytest.raises(ReleaseError, match="raw= takes the folder that the release was built from"):
        bare.release.dataset("KiTS23", "train", raw=tmp_path / "nowhere")[0]


def test_another_header(bare: Read, copied: Path) -> None:
    path = first_image(bare, copied)
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[148:152] = b"else"  # the text that describes it
    path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(ReleaseError, match=r"the header of .* is not the one that the release was built from"):
        bare.release.dataset("KiTS23", "train", raw=copied)[0]


def test_packed_anew_it_is_the_same_file_where_headers_alone_were_read(bare: Read, copied: Path) -> None:
    path = first_image(bare, copied)
    before = bare.release.dataset("KiTS23", "train", raw=copied)[0]
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()), 1))
    assert_same(before, bare.release.dataset("KiTS23", "train", raw=copied)[0])


def test_other_voxels_where_the_release_read_them(upstream: Read, bare: Read, copied: Path) -> None:
    path = first_image(bare, copied)
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(ReleaseError, match=r"the file of .* is not the one .*sources.parquet has"):
        upstream.release.dataset("KiTS23", "train", raw=copied)[0]
    film = first_image(bare, copied, "Ceph-Biometrics-400")
    film.write_bytes(film.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(ReleaseError, match=r"the file of .* is not the one"):
        bare.release.dataset("Ceph-Biometrics-400", "train", raw=copied)[0]


def test_a_damaged_file(bare: Read, copied: Path) -> None:
    path = first_image(bare, copied)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ReleaseError, match=f"{path.name} cannot be read: .*"):
        bare.release.dataset("KiTS23", "train", raw=copied)[0]


def changed(read: Read, out: Path, column: str, value: Any) -> Any:
    """The release with one value in all rows of the train slices of KiTS23."""
    shutil.copytree(read.root, out, ignore=shutil.ignore_patterns(".shards"))
    for path in out.glob("annotations/KiTS23/train-*.parquet"):
        table = pq.read_table(path)
        place = table.schema.get_field_index(column)
        values = pa.array([value] * table.num_rows, table.schema.field(column).type)
        pq.write_table(table.set_column(place, table.schema.field(column), values), path)
    return open_release(str(out))


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("source_path", "../../secret.nii.gz", "is not a path inside the raw folder"),
        ("source_path", "/etc/passwd", "is not a path inside the raw folder"),
        ("shape_xyz", [3, 3, 3], "lies on another grid"),
        ("affine_ras", [2.0] * 16, "lies on another grid"),
        ("dataset", "Nobody's", "no table here"),
    ],
)
def test_rows_that_do_not_fit(
    bare: Read, training_raw: Path, tmp_path: Path, column: str, value: Any, said: str
) -> None:
    release = changed(bare, tmp_path / "changed", column, value)
    with pytest.raises(ReleaseError, match=said):
        release.dataset("KiTS23", "train", raw=training_raw)[0]


def test_a_release_of_another_schema(bare: Read, training_raw: Path, tmp_path: Path) -> None:
    shutil.copytree(bare.root, tmp_path / "old", ignore=shutil.ignore_patterns(".shards"))
    edit_manifest(tmp_path / "old", schema_version=3)
    with pytest.raises(ReleaseError, match="has schema version 3, this reads"):
        open_release(str(tmp_path / "old")).dataset("KiTS23", "train", raw=training_raw)
