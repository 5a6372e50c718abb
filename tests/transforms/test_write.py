"""The files of a shard as their readers see them: Parquet by pyarrow and datasets, tars by tarfile and webdataset."""

import gc
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset
from tiny_rows import Row, slice_row

from medvision.schemas.faults import DEAD_LETTER_SCHEMA, DeadLetter
from medvision.schemas.record import ShardFile, SourceHash
from medvision.schemas.rows import ANNOTATION_SCHEMA, DATA_SCHEMA
from medvision.transforms import write
from medvision.transforms.store import Store
from medvision.transforms.write import ShardWriter, dead_letter_rows, source_rows

HEIGHT, WIDTH = 8, 10


@dataclass(frozen=True)
class Plane:
    """What a writer needs of PlaneRows."""

    rows: Sequence[Row]

    @property
    def batch(self) -> pa.RecordBatch:
        return pa.RecordBatch.from_pylist(list(self.rows), schema=ANNOTATION_SCHEMA)

    def pictures(self) -> Iterator[bytes]:
        for row in self.rows:
            yield cv2.imencode(".png", pixels(row))[1].tobytes()


def pixels(row: Row) -> np.ndarray:
    """16-bit noise of the slice's own."""
    seed = [*row["slice_id"].encode()]
    return np.random.default_rng(seed).integers(0, 65536, (HEIGHT, WIDTH)).astype(np.uint16)


PLANES = [Plane([slice_row(case, index, "train") for index in range(count)]) for case, count in enumerate((130, 3, 70))]
BOTH = ("parquet", "webdataset")
ROWS = [row for plane in PLANES for row in plane.rows]


def write_shard(root: Path, formats: tuple[str, ...] = BOTH, images: bool = True) -> list[ShardFile]:
    with ShardWriter(Store(str(root)), "shard", formats, images) as writer:
        for plane in PLANES:
            writer.write(plane)  # type: ignore[arg-type]
    return writer.files


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("write")
    write_shard(root)
    return root / "shard"


def test_the_files_are_named_counted_and_hashed(tmp_path):
    files = write_shard(tmp_path)
    assert {file.kind: file.path for file in files} == {
        "annotations": "shard/annotations.parquet",
        "data": "shard/data.parquet",
        "webdataset": "shard/webdataset.tar",
    }
    for file in files:
        content = (tmp_path / file.path).read_bytes()
        assert (file.bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert file.rows == len(ROWS)


@pytest.mark.parametrize(
    ("formats", "images", "kinds"),
    [
        (BOTH, True, {"annotations", "data", "webdataset"}),
        (("parquet",), True, {"annotations", "data"}),
        (("webdataset",), True, {"annotations", "webdataset"}),
        (("parquet",), False, {"annotations"}),
        (BOTH, False, {"annotations", "webdataset"}),
    ],
)
def test_formats_and_images_choose_the_files(tmp_path, formats, images, kinds):
    assert {file.kind for file in write_shard(tmp_path, formats, images)} == kinds
    assert len(list((tmp_path / "shard").iterdir())) == len(kinds)


def test_two_writes_are_byte_identical(tmp_path):
    first, second = write_shard(tmp_path / "a"), write_shard(tmp_path / "b")
    assert first == second
    assert len(first) == 3


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_leaves_no_file_and_no_noise(tmp_path):
    def fail() -> None:
        with ShardWriter(Store(str(tmp_path)), "shard", BOTH, True) as writer:
            writer.write(PLANES[0])  # type: ignore[arg-type]
            raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        fail()
    gc.collect()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


# Parquet


def test_image_tables_have_small_row_groups_and_the_rows_in_order(shard):
    data = pq.ParquetFile(shard / "data.parquet")
    counts = [data.metadata.row_group(i).num_rows for i in range(data.num_row_groups)]
    assert counts == [100, 100, 3]  # a group goes on into the next plane
    assert data.schema_arrow.remove_metadata() == DATA_SCHEMA
    table = data.read()
    assert table.column("slice_id").to_pylist() == [row["slice_id"] for row in ROWS]
    assert table.select(ANNOTATION_SCHEMA.names).to_pylist() == ROWS
    for row, image in zip(ROWS, table.column("image").to_pylist(), strict=True):
        assert image["path"] == f"{row['slice_id']}.png"
        decoded = cv2.imdecode(np.frombuffer(image["bytes"], np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(decoded, pixels(row))


def test_row_groups_end_early_where_images_are_large(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "DATA_GROUP_BYTES", 1000)
    write_shard(tmp_path, ("parquet",))
    data = pq.ParquetFile(tmp_path / "shard/data.parquet").metadata
    sizes = [data.row_group(i).num_rows for i in range(data.num_row_groups)]
    assert sum(sizes) == len(ROWS)
    assert max(sizes) < 10


def test_annotations_are_the_same_rows_in_few_groups(shard):
    annotations = pq.ParquetFile(shard / "annotations.parquet")
    assert annotations.num_row_groups == 1
    assert annotations.schema_arrow.remove_metadata() == ANNOTATION_SCHEMA
    assert annotations.read().to_pylist() == ROWS


@pytest.mark.parametrize("name", ["data", "annotations"])
def test_every_column_has_a_page_index(shard, name):
    metadata = pq.ParquetFile(shard / f"{name}.parquet").metadata
    for group in range(metadata.num_row_groups):
        columns = [metadata.row_group(group).column(i) for i in range(metadata.num_columns)]
        assert all(column.has_offset_index for column in columns)
        by_path = {column.path_in_schema: column for column in columns}
        assert by_path["slice_id"].has_column_index
        assert by_path["slice_id"].compression == "ZSTD"
        if name == "data":
            assert by_path["image.bytes"].compression == "UNCOMPRESSED"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    return str(tmp_path / "cache")


def test_footers_give_datasets_its_features(shard, cache):
    loaded = datasets.load_dataset("parquet", data_files=str(shard / "data.parquet"), split="train", cache_dir=cache)
    assert loaded.features["image"] == datasets.Image()
    assert loaded.features.arrow_schema.names == DATA_SCHEMA.names
    assert len(loaded) == len(ROWS)
    row = loaded[131]
    np.testing.assert_array_equal(np.asarray(row["image"]), pixels(ROWS[131]))
    assert row["segments"] == ROWS[131]["segments"]
    assert row["affine_ras"] == ROWS[131]["affine_ras"]


def test_footers_name_no_type_that_old_readers_lack(shard):
    """datasets before 4.0 knows `Sequence` and not `List`."""
    for path in (shard / "data.parquet", shard / "annotations.parquet"):
        footer = json.loads(pq.read_schema(path).metadata[b"huggingface"])
        assert list(footer) == ["info"]
        kinds = set(_types(footer["info"]["features"]))
        assert kinds - {"Image"} == {"Value", "Sequence"}
        assert ("Image" in kinds) == path.name.startswith("data")


def _types(node: object) -> Iterator[str]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict) and isinstance(node.get("_type"), str):
        yield node["_type"]
    for child in children:
        yield from _types(child)


# Tar


def test_tar_members_are_adjacent_sorted_and_anonymous(shard):
    with tarfile.open(shard / "webdataset.tar") as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == [
        f"{row['slice_id']}.{suffix}" for row in ROWS for suffix in ("json", "png")
    ]
    for member in members:
        assert member.isfile()
        assert (member.mtime, member.uid, member.gid, member.uname, member.gname) == (0, 0, 0, "", "")
        key = member.name.split(".")[0]
        assert member.name.count(".") == 1
        assert len(key) <= 128


def test_tar_holds_the_rows_and_the_images_of_the_table(shard):
    images = pq.read_table(shard / "data.parquet", columns=["image"]).column("image").to_pylist()
    with tarfile.open(shard / "webdataset.tar") as tar:
        contents = [tar.extractfile(member).read() for member in tar.getmembers()]  # type: ignore[union-attr]
    assert [json.loads(text) for text in contents[::2]] == ROWS
    assert contents[1::2] == [image["bytes"] for image in images]


def test_webdataset_reads_every_sample(shard):
    samples = list(webdataset.WebDataset(str(shard / "webdataset.tar"), shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == [row["slice_id"] for row in ROWS]
    assert json.loads(samples[-1]["json"]) == ROWS[-1]
    decoded = cv2.imdecode(np.frombuffer(samples[-1]["png"], np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(decoded, pixels(ROWS[-1]))


def test_a_tar_without_images_holds_the_rows(tmp_path):
    write_shard(tmp_path, ("webdataset",), images=False)
    with tarfile.open(tmp_path / "shard/webdataset.tar") as tar:
        assert tar.getnames() == [f"{row['slice_id']}.json" for row in ROWS]


def test_a_truncated_tar_is_noticed(shard):
    content = (shard / "webdataset.tar").read_bytes()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        middle = tar.getmembers()[len(ROWS)]
    with pytest.raises(tarfile.ReadError, match="unexpected end of data"):
        tarfile.open(fileobj=io.BytesIO(content[: middle.offset_data + 1])).getmembers()  # noqa: SIM115


# Small tables


def test_small_tables_stand_beside_and_empty_ones_do_not(tmp_path):
    letters = [
        DeadLetter("ACDC", name, 1, "read", "bad_gzip", "gzip stream is damaged", f"{name}.nii.gz") for name in "ba"
    ]
    with ShardWriter(Store(str(tmp_path)), "shard", ("parquet",), True) as writer:
        writer.add_table("dead_letters", DEAD_LETTER_SCHEMA, dead_letter_rows(letters))
        writer.add_table("sources", DEAD_LETTER_SCHEMA, [])
    (file,) = writer.files
    assert (file.kind, file.path, file.rows) == ("dead_letters", "shard/dead_letters.parquet", 2)
    table = pq.read_table(tmp_path / file.path)
    assert table.column("case_id").to_pylist() == ["a", "b"]
    assert [path.name for path in (tmp_path / "shard").iterdir()] == ["dead_letters.parquet"]


def test_sources_are_rows_by_path():
    rows = source_rows("ACDC", "c", {"b": 2, "a": 1}, {"a": SourceHash("sha-a", ""), "b": SourceHash("", "sha-b")})
    assert rows == [
        {"dataset": "ACDC", "case_id": "c", "path": "a", "bytes": 1, "sha256": "sha-a", "header_sha256": ""},
        {"dataset": "ACDC", "case_id": "c", "path": "b", "bytes": 2, "sha256": "", "header_sha256": "sha-b"},
    ]
