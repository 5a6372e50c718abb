"""JSON of rows against json.dumps of the same rows, value for value and kind for kind."""

import json
import math
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_rows import slice_row

from medvision.schemas.rows import ANNOTATION_SCHEMA, LESION, SEGMENT
from medvision.transforms.json_rows import json_rows

Row = dict[str, Any]
POINT = pa.struct([("y", pa.float64()), ("x", pa.list_(pa.uint16())), ("name", pa.string()), ("on", pa.bool_())])
SCHEMA = pa.schema([("points", pa.list_(POINT)), ("line", POINT), ("mm", pa.list_(pa.float64())), ("id", pa.int16())])
FLOATS = (
    st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([-0.0, 1.0, 1e16, 5e-324, 1e300])
)
POINTS = st.none() | st.fixed_dictionaries(
    {
        "y": FLOATS,
        "x": st.none() | st.lists(st.integers(0, 65535), max_size=3) | st.just([7, 8]),
        "name": st.none() | st.text(max_size=5),
        "on": st.none() | st.booleans(),
    }
)
ROWS = st.fixed_dictionaries(
    {
        "points": st.none() | st.lists(POINTS, max_size=3),
        "line": POINTS,
        "mm": st.none() | st.lists(FLOATS, min_size=2, max_size=2),
        "id": st.none() | st.integers(-5, 5),
    }
)


def assert_same(batch: pa.RecordBatch) -> None:
    texts = json_rows(batch)
    assert len(texts) == batch.num_rows
    for text, row in zip(texts, batch.to_pylist(), strict=True):
        parsed = json.loads(text)
        assert json.dumps(parsed) == json.dumps(row, sort_keys=True)  # the order of keys, and 1.0 is not 1


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(ROWS, max_size=5), start=st.integers(0, 3), repeated=st.integers(1, 2))
def test_any_rows_parse_to_themselves(rows, start, repeated):
    batch = pa.RecordBatch.from_pylist(rows * repeated, schema=SCHEMA)
    assert_same(batch.slice(min(start, batch.num_rows)))


@pytest.mark.parametrize(
    "rows", [[], [slice_row(0, 0, "train")], [slice_row(c, i, "test") for c in (1, 2) for i in (0, 1)]]
)
def test_slice_rows_parse_to_themselves(rows):
    assert_same(pa.RecordBatch.from_pylist(rows, schema=ANNOTATION_SCHEMA))


def test_a_column_that_changes_in_the_last_row_is_no_constant():
    schema = pa.schema([("a", pa.int16()), ("segments", pa.list_(SEGMENT)), ("lesions", pa.list_(LESION))])
    rows: list[Row] = [{"a": 1, "segments": [], "lesions": []}] * 3 + [{"a": 2, "segments": [], "lesions": []}]
    assert [json.loads(text)["a"] for text in json_rows(pa.RecordBatch.from_pylist(rows, schema=schema))] == [
        1,
        1,
        1,
        2,
    ]


@pytest.mark.parametrize("kind", [pa.float64(), pa.list_(pa.float32()), pa.struct([("y", pa.float64())])])
def test_zeros_keep_their_sign_in_a_column_that_arrow_calls_constant(kind):
    zeros = [0.0, -0.0, 0.0]
    if pa.types.is_list(kind):
        values: list[Any] = [[zero] for zero in zeros]
    else:
        values = [{"y": zero} for zero in zeros] if pa.types.is_struct(kind) else zeros
    assert_same(pa.RecordBatch.from_pydict({"a": pa.array(values, kind)}))


def test_numbers_that_json_lacks_are_null():
    batch = pa.RecordBatch.from_pydict({"a": [math.nan, math.inf, 1.0]})
    assert json_rows(batch) == [b'{"a":null}', b'{"a":null}', b'{"a":1.0}']
