"""Headers of NRRD with attached voxels, by the format's definition: https://teem.sourceforge.net/nrrd/format.html."""

from __future__ import annotations

import re

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.transforms.readers.text_header import (
    LPS_TO_RAS,
    TextHeader,
    column_lengths,
    grid_affine,
    real_numbers,
    whole_numbers,
)

NRRD_HEADER_BYTES = 1 << 20
PACKINGS = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "signed long long int"), "i8"),
    **dict.fromkeys(("int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    **{"float": "f4", "double": "f8"},
}
SPACES = {
    **dict.fromkeys(("left-posterior-superior", "lps"), (-1.0, -1.0, 1.0)),
    **dict.fromkeys(("right-anterior-superior", "ras"), (1.0, 1.0, 1.0)),
    **dict.fromkeys(("left-anterior-superior", "las"), (-1.0, 1.0, 1.0)),
}
FIELDS = {
    *("type", "dimension", "sizes", "encoding", "endian", "space", "space directions", "space origin", "spacings"),
    *("kinds", "data file", "datafile", "line skip", "lineskip", "byte skip", "byteskip", "space dimension"),
    *("content", "number", "block size", "blocksize", "min", "max", "old min", "oldmin", "old max", "oldmax"),
    *("sample units", "sampleunits", "thicknesses", "axis mins", "axismins", "axis maxs", "axismaxs", "centers"),
    *("centerings", "labels", "units", "space units", "measurement frame"),
}
CHANNEL_KINDS = {"list", "vector", "covariant-vector", "normal", "scalar", "stub", "none", "???", "point", "time"}
VECTOR = r"none|\([^()]*\)"
VECTORS = re.compile(rf"(?:(?:{VECTOR})(?:[ \t]+|\Z))+")


def parse_nrrd(start: bytes) -> tuple[TextHeader, int]:
    """A header, and the offset of the voxels behind it.

    Three axes have directions in an anatomical space, or all have spacings; in that case they are ITK's, which grow to
    the Left, Posterior and Superior. A fourth axis holds channels.

    Raises:
        DataFault: bad_header, bad_dims, bad_spacing, external_file for a detached header, unsupported_dtype,
            unsupported_encoding.
    """
    fields, offset = _fields(start)
    if {"data file", "datafile"} & set(fields):
        raise DataFault("read", "external_file")
    skips = any(fields.get(key, "0") != "0" for key in ("line skip", "lineskip", "byte skip", "byteskip"))
    try:
        packing = PACKINGS.get(fields["encoding"].lower(), "")
        if not packing or skips:
            raise DataFault("read", "unsupported_encoding", encoding="text or with skipped bytes")
        shape = _shape(fields)
        affine, channel_axis = _space(fields, len(shape))
        dtype = _dtype(fields, channel_axis)
    except (KeyError, ValueError) as error:
        raise DataFault("read", "bad_header", format="NRRD") from error
    return TextHeader(shape, channel_axis, dtype, affine, column_lengths(affine), packing), offset


def _fields(start: bytes) -> tuple[dict[str, str], int]:
    """Fields by lower-case name; an unknown one is no field, and comments and key:=value pairs are passed over."""
    fields: dict[str, str] = {}
    place = 0
    while (end := start.find(b"\n", place)) >= 0:
        line, first = start[place:end].decode("latin-1").removesuffix("\r"), place == 0
        place = end + 1
        if first:
            if not re.fullmatch(r"NRRD000[1-5]", line):
                break
            continue
        if not line:
            return fields, place
        key, colon, value = line.partition(":")
        if line.startswith("#") or value.startswith("="):
            continue
        key = key.lower()
        if not colon or key not in FIELDS or key in fields:
            break
        fields[key] = value.strip(" \t")
    raise DataFault("read", "bad_header", format="NRRD")


def _shape(fields: dict[str, str]) -> tuple[int, ...]:
    (count,), shape = whole_numbers(fields["dimension"]), whole_numbers(fields["sizes"])
    if count != len(shape):
        raise ValueError("sizes are not as many as dimensions")
    if count not in (3, 4) or min(shape) < 1:
        raise DataFault("read", "bad_dims", dims=shape[:9])
    return tuple(shape)


def _dtype(fields: dict[str, str], channel_axis: int) -> np.dtype:
    kinds = fields.get("kinds", "").lower().split()
    kind = kinds[channel_axis] if 0 <= channel_axis < len(kinds) else "none"
    name = fields["type"].lower()
    if name not in TYPES or kind not in CHANNEL_KINDS:
        raise DataFault("read", "unsupported_dtype", dtype=f"{name} {kind}"[:40] if name in TYPES else name[:40])
    order = {"little": "<", "big": ">"}[fields["endian"].lower()] if not TYPES[name].endswith("1") else ""
    return np.dtype(order + TYPES[name])


def _space(fields: dict[str, str], count: int) -> tuple[np.ndarray, int]:
    """Affine to RAS mm, and the axis of the channels, -1 for none."""
    if "space directions" not in fields:
        if {"space", "space dimension"} & set(fields) or "spacings" not in fields:
            raise DataFault("read", "bad_spacing", spacing_mm=[])
        spacings = real_numbers(fields["spacings"])
        if len(spacings) != count or min(spacings[:3]) <= 0:
            raise DataFault("read", "bad_spacing", spacing_mm=spacings)
        return grid_affine(np.diag(spacings[:3]), [0.0] * 3, LPS_TO_RAS), 3 if count == 4 else -1
    directions = fields["space directions"]
    if not VECTORS.fullmatch(directions):
        raise ValueError(f"no vectors: {directions[:40]!r}")
    vectors = [None if text == "none" else _vector(text) for text in re.findall(VECTOR, directions)]
    steps = [vector for vector in vectors if vector is not None]
    if len(vectors) != count or len(steps) != 3:
        raise ValueError("not three axes have a direction")
    to_ras = np.diag([*SPACES[fields["space"].lower()], 1.0])
    origin = _vector(fields["space origin"]) if "space origin" in fields else [0.0] * 3
    channel_axis = vectors.index(None) if None in vectors else -1
    return grid_affine(np.array(steps).T, origin, to_ras), channel_axis


def _vector(text: str) -> list[float]:
    """Three numbers of "(x,y,z)"."""
    parts = [real_numbers(part) for part in text.removeprefix("(").removesuffix(")").split(",")]
    if [len(part) for part in parts] != [1, 1, 1] or not re.fullmatch(VECTOR, text):
        raise ValueError(f"no vector: {text[:40]!r}")
    return [part[0] for part in parts]
