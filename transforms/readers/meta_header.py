"""Headers of MetaImage (.mha, .mhd), read strictly: what MetaIO would guess is a fault here."""

from __future__ import annotations

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.transforms.readers.text_header import (
    LPS_TO_RAS,
    TextHeader,
    grid_affine,
    real_numbers,
    whole_numbers,
)

META_HEADER_BYTES = 1 << 16
MOST_AXES = 10
TYPES = {
    **{"MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4"},
    **{"MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8"},
    **{"MET_FLOAT": "f4", "MET_DOUBLE": "f8"},
}
SPACINGS, ORIGINS = ("ElementSpacing", "ElementSize"), ("Offset", "Position", "Origin")
TURNS, BYTE_ORDERS = ("TransformMatrix", "Rotation", "Orientation"), ("ElementByteOrderMSB", "BinaryDataByteOrderMSB")
KNOWN = (
    *(*SPACINGS, *ORIGINS, *TURNS, *BYTE_ORDERS, "ObjectType", "NDims", "DimSize", "BinaryData", "CompressedData"),
    *("CompressedDataSize", "HeaderSize", "ElementNumberOfChannels", "ElementType", "ElementDataFile"),
)
"""Fields that say where the voxels are or what they mean; others are passed over."""
WORDS = {**dict.fromkeys(("true", "t", "1"), True), **dict.fromkeys(("false", "f", "0"), False)}


def meta_fields(start: bytes) -> tuple[dict[str, str], int]:
    """Known fields of a MetaImage header, and the offset of what follows. Raises DataFault bad_header."""
    by_lower = {key.lower(): key for key in KNOWN}
    fields: dict[str, str] = {}
    place = 0
    while place < len(start):
        end = start.find(b"\n", place)
        end = end if end >= 0 else len(start)
        text, equals, value = start[place:end].decode("latin-1").partition("=")
        key, place = text.strip(" \t\r"), end + 1
        if key and not equals:
            break
        if key.lower() in by_lower and (key not in KNOWN or key in fields):
            break  # in other letters MetaIO would pass it over, of two it takes the last
        if key in KNOWN:
            fields[key] = value.strip(" \t\r")
        if key == "ElementDataFile":
            return fields, place
    raise DataFault("read", "bad_header", format="MetaImage")


def meta_data_file(start: bytes) -> str:
    """Name of the file that holds the voxels, "" if they follow the header.

    Raises:
        DataFault: bad_header, or external_file for a list, a pattern of files or a name that can be none.
    """
    return _data_file(meta_fields(start)[0])


def parse_meta(start: bytes) -> tuple[TextHeader, int]:
    """A header, and the offset of the voxels: 0 where they stand in a file of their own.

    Directions need not be orthonormal: the affine then has a shear, which the geometry step flags.

    Raises:
        DataFault: bad_header, bad_dims, bad_spacing, external_file, unsupported_dtype, unsupported_encoding.
    """
    fields, offset = meta_fields(start)
    try:
        shape, channels = _shape(fields)
        dtype = _dtype(fields)
        affine, zooms_mm = _grid(fields, len(whole_numbers(fields["DimSize"])))
        packed, packed_bytes = _true(fields, "CompressedData"), _packed_bytes(fields)
    except (KeyError, ValueError) as error:
        raise DataFault("read", "bad_header", format="MetaImage") from error
    channel_axis = 0 if channels > 1 else 3 if len(shape) == 4 else -1
    shape = (channels, *shape) if channels > 1 else shape
    header = TextHeader(shape, channel_axis, dtype, affine, zooms_mm, "zlib" if packed else "raw", packed_bytes)
    return header, 0 if _data_file(fields) else offset


def _data_file(fields: dict[str, str]) -> str:
    name = fields["ElementDataFile"]
    if name.upper() == "LOCAL":
        return ""
    words = name.upper().split()
    if not words or words[0] == "LIST" or not name.isprintable() or any(sign in name for sign in "%\\:"):
        raise DataFault("read", "external_file")
    return name


def _shape(fields: dict[str, str]) -> tuple[tuple[int, ...], int]:
    if fields.get("ObjectType", "Image") != "Image":
        raise ValueError("not an image")
    count = whole_numbers(fields["NDims"])
    dims, (channels,) = whole_numbers(fields["DimSize"]), whole_numbers(fields.get("ElementNumberOfChannels", "1"))
    if count != [len(dims)]:
        raise ValueError("sides are not as many as dimensions")
    stated = [*dims, channels] if channels != 1 else dims
    while len(dims) > 3 and dims[-1] == 1:
        dims.pop()
    if not 3 <= len(dims) + (channels > 1) <= 4 or len(dims) < 3 or len(stated) > MOST_AXES or min(stated) < 1:
        raise DataFault("read", "bad_dims", dims=stated)
    return tuple(dims), channels


def _dtype(fields: dict[str, str]) -> np.dtype:
    name = fields["ElementType"]
    if name not in TYPES:
        raise DataFault("read", "unsupported_dtype", dtype=name[:40])
    if not _true(fields, "BinaryData") or whole_numbers(fields.get("HeaderSize", "0")) != [0]:
        raise DataFault("read", "unsupported_encoding", encoding="text or with skipped bytes")
    swapped = any(_true(fields, key) for key in BYTE_ORDERS)
    return np.dtype((">" if swapped else "<") + TYPES[name])


def _grid(fields: dict[str, str], count: int) -> tuple[np.ndarray, tuple[float, float, float]]:
    """Affine to RAS mm and voxel sizes."""

    def numbers(keys: tuple[str, ...], usual: list[float]) -> list[float]:
        found = [real_numbers(fields[key]) for key in keys if key in fields]
        if len(found) > 1 or any(len(values) != len(usual) for values in found):
            raise ValueError("too many or too few numbers")
        return found[0] if found else usual

    turn = np.reshape(numbers(TURNS, np.eye(count).ravel().tolist()), (count, count)).T  # one axis after the other
    spacing = numbers(SPACINGS, [0.0] * count)[:3]  # without one there is no millimetre
    if not all(np.isfinite(spacing)) or min(spacing) <= 0:
        raise DataFault("read", "bad_spacing", spacing_mm=spacing)
    affine = grid_affine(turn[:3, :3] * np.array(spacing), numbers(ORIGINS, [0.0] * count)[:3], LPS_TO_RAS)
    return affine, (spacing[0], spacing[1], spacing[2])


def _packed_bytes(fields: dict[str, str]) -> int:
    found = whole_numbers(fields.get("CompressedDataSize", ""))
    return found[0] if len(found) == 1 and _true(fields, "CompressedData") else -1


def _true(fields: dict[str, str], key: str) -> bool:
    return WORDS[fields.get(key, "False").lower()]
