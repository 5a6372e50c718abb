"""Hugging Face `features` of an Arrow schema, for the Parquet footer key `huggingface`.

Lists are written as `Sequence` (and lists of structs as a bare JSON list), which every `datasets` release since 2.x
reads; `List`, the newer spelling, is unknown to those before 4.0.
"""

import json
from typing import Any

import pyarrow as pa

FOOTER_KEY = b"huggingface"


def features_of(schema: pa.Schema) -> dict[str, Any]:
    """Features as the JSON that `datasets.Features.from_dict` takes; a struct<bytes, path> becomes an Image."""
    return {field.name: _feature(field.type) for field in schema}


def with_features(schema: pa.Schema) -> pa.Schema:
    """The same schema with the features in its metadata, so that Parquet files carry them in the footer."""
    info = {"info": {"features": features_of(schema)}}
    return schema.with_metadata({FOOTER_KEY: json.dumps(info, sort_keys=True).encode()})


def _feature(kind: pa.DataType) -> Any:
    if pa.types.is_struct(kind):
        children = {kind.field(i).name: kind.field(i).type for i in range(kind.num_fields)}
        if set(children) == {"bytes", "path"}:
            return {"_type": "Image"}
        return {name: _feature(child) for name, child in children.items()}
    if pa.types.is_list(kind):
        inner = _feature(kind.value_type)
        if pa.types.is_struct(kind.value_type):
            return [inner]
        return {"feature": inner, "_type": "Sequence"}
    return {"dtype": {"double": "float64", "bool": "bool"}.get(str(kind), str(kind)), "_type": "Value"}
