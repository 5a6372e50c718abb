"""DuckDB, Polars and pandas open one release unchanged, nested columns too, and agree with pyarrow."""

from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

KINDS = ("annotations", "data", "volumes", "pairs")


def tables(out: Path, kind: str) -> list[pa.Table]:
    """Tables of one schema: pairs have one a kind of annotation."""
    config = "*_BoxSize_*" if kind == "pairs" else "*"
    return [pq.read_table(path, partitioning=None) for path in sorted(out.glob(f"{kind}/{config}/*.parquet"))]


def glob_of(out: Path, kind: str) -> str:
    return f"{out}/{kind}/{'*_BoxSize_*' if kind == 'pairs' else '*'}/*.parquet"


@pytest.mark.parametrize("kind", KINDS)
def test_rows_and_columns(built: Any, kind: str) -> None:
    expected = pa.concat_tables(tables(built.out, kind))
    pattern, names = glob_of(built.out, kind), expected.column_names
    found = duckdb.sql(f"SELECT * FROM '{pattern}'")
    assert (found.columns, len(found.fetchall())) == (names, expected.num_rows)
    frame = pl.read_parquet(pattern)
    assert (frame.columns, frame.height) == (names, expected.num_rows)
    paths = sorted(built.out.glob(f"{kind}/{'*_BoxSize_*' if kind == 'pairs' else '*'}/*.parquet"))
    loaded = pd.concat([pd.read_parquet(path, partitioning=None) for path in paths])
    assert (list(loaded.columns), len(loaded)) == (names, expected.num_rows)
    assert expected.num_rows > 3


def test_values_of_a_field_three_levels_down(built: Any) -> None:
    pattern = glob_of(built.out, "annotations")
    expected = 0
    for table in tables(built.out, "annotations"):
        boxes = pc.list_flatten(pc.struct_field(pc.list_flatten(table["segments"]), "boxes"))
        expected += pc.sum(pc.struct_field(boxes, "pixel_count")).as_py()
    unnested = f"SELECT unnest(segment.boxes) AS box FROM (SELECT unnest(segments) AS segment FROM '{pattern}')"
    assert duckdb.sql(f"SELECT sum(box.pixel_count) FROM ({unnested})").fetchall() == [(expected,)]
    boxes = (
        pl.scan_parquet(pattern)
        .select("segments")
        .explode("segments")
        .unnest("segments")
        .select("boxes")
        .explode("boxes")
    )
    assert boxes.select(pl.col("boxes").struct.field("pixel_count").sum()).collect().item() == expected
    paths = sorted(built.out.glob("annotations/*/*.parquet"))
    frames = [pd.read_parquet(path, partitioning=None) for path in paths]
    total = sum(b["pixel_count"] for f in frames for row in f["segments"] for s in row for b in s["boxes"])
    assert total == expected > 1000


def test_sizes_of_box_pairs(built: Any) -> None:
    expected = [
        box["sizes"]
        for table in tables(built.out, "pairs")
        for row in table["bounding_boxes"].to_pylist()
        for box in row
    ]
    pattern = glob_of(built.out, "pairs")
    rows = duckdb.sql(f"SELECT box.sizes FROM (SELECT unnest(bounding_boxes) AS box FROM '{pattern}')").fetchall()
    assert sorted(row[0] for row in rows) == sorted(expected)
    found = pl.read_parquet(pattern).explode("bounding_boxes").unnest("bounding_boxes")["sizes"].to_list()
    assert sorted(found) == sorted(expected)


def test_the_bytes_of_an_image(built: Any) -> None:
    first = tables(built.out, "data")[0].slice(0, 1).to_pylist()[0]
    slice_id, png = first["slice_id"], first["image"]["bytes"]
    assert png.startswith(b"\x89PNG")
    pattern = glob_of(built.out, "data")
    asked = f"SELECT image.bytes FROM '{pattern}' WHERE slice_id = '{slice_id}'"
    assert duckdb.sql(asked).fetchall() == [(png,)]
    found = pl.scan_parquet(pattern).filter(pl.col("slice_id") == slice_id).collect()
    assert found["image"].struct.field("bytes").item() == png
    path = sorted(built.out.glob("data/*/*.parquet"))[0]
    frame = pd.read_parquet(path, partitioning=None, filters=[("slice_id", "==", slice_id)])
    assert frame["image"].iloc[0]["bytes"] == png
