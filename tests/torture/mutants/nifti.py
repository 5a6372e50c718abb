"""NIfTI, plain and gzipped, against nibabel; the gzip stream is checked by zlib's own reader before."""

import gzip
import io
import struct
import zlib
from functools import partial
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.nifti1 import unit_codes
from torture.mutants import any_bytes, any_file
from torture.mutants.attack import AFFINE, Attack, Files, Rng, Way, on_bytes, sound_voxels, table
from torture.mutants.truth import Truth, truth_of

Content = bytes
FIELDS = nib.Nifti1Header.template_dtype.fields
DIM_VALUES = (0, -1, 1, 2, 3, 9, 20, 24, 25, 32767, -32768)
ODD_REALS = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-30, 1e30, -0.0, 3e38, 1e-45)
CODES = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2304, 77, -2)


def sound(extra: bytes = b"") -> dict[str, bytes]:
    """Image and mask as nibabel writes them."""
    image, mask = sound_voxels()
    return {"image": bytes_of(image), "mask": bytes_of(mask)}


def bytes_of(array: np.ndarray, affine: np.ndarray = AFFINE, version: int = 1, order: str = "<") -> bytes:
    kind = nib.Nifti1Image if version == 1 else nib.Nifti2Image
    made = kind(array, affine, kind.header_class(endianness=order))
    made.set_data_dtype(array.dtype)
    made.header["descrip"] = b"a note that nobody reads"
    return bytes(made.to_bytes())


def put(content: bytes, field: str, value: object, index: int = 0) -> bytes:
    """A header with a field of NIfTI-1 set, as it lies in the file."""
    kind, start = FIELDS[field][:2]
    base = kind.base.newbyteorder("<")
    with np.errstate(all="ignore"):
        packed = np.array(value).astype(base).tobytes()
    start += index * base.itemsize
    return content[:start] + packed + content[start + len(packed) :]


def odd_dims(content: bytes, rng: Rng) -> tuple[bytes, str]:
    index, value = int(rng.integers(0, 8)), int(rng.choice(DIM_VALUES))
    return put(content, "dim", value, index), "wrong or huge dims"


def other_shape(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """2D, 4D, 5D and more, with as many voxels as before or twice as many."""
    shapes = [(480, 9), (4320,), (24, 20, 9, 1), (24, 20, 9, 1, 1), (24, 20, 3, 3), (24, 20, 1, 9), (24, 20, 3, 1, 3)]
    shapes += [(20, 24, 9), (1, 480, 9), (24, 1, 180), (24, 20, 9, 1, 1, 1, 1), (2, 2, 2, 2, 2, 2, 2), (24, 0, 9)]
    shape = shapes[rng.integers(0, len(shapes))]
    for index, value in enumerate((len(shape), *shape)):
        content = put(content, "dim", value, index)
    return content, f"{len(shape)}D" if len(shape) != 3 else "other shape"


def odd_spacing(content: bytes, rng: Rng) -> tuple[bytes, str]:
    index, value = int(rng.integers(0, 4)), float(rng.choice(ODD_REALS))
    return put(content, "pixdim", value, index), "NaN, infinite, zero or negative spacing"


def odd_affine(content: bytes, rng: Rng) -> tuple[bytes, str]:
    row, index = str(rng.choice(["srow_x", "srow_y", "srow_z"])), int(rng.integers(0, 4))
    value = float(rng.choice([*ODD_REALS, 500.0, 0.3, -7.0]))
    return put(content, row, value, index), "odd number in the affine"


def zero_axis(content: bytes, rng: Rng) -> tuple[bytes, str]:
    column = int(rng.integers(0, 3))
    for row in ("srow_x", "srow_y", "srow_z"):
        content = put(content, row, 0.0, column)
    return content, "axis of no length"


def other_form(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """The affine by the quaternion or by nothing."""
    content = put(content, "sform_code", int(rng.choice([0, -1, 300])))
    content = put(content, "qform_code", int(rng.choice([0, 1, 2, -3])))
    for name in ("quatern_b", "quatern_c", "quatern_d"):
        content = put(content, name, float(rng.choice([0.0, 0.5, -0.5, 0.7, 1.0, 1.00001, 2.0, np.nan])))
    content = put(content, "pixdim", float(rng.choice([1.0, -1.0, 0.0, 7.0])), 0)
    content = put(content, "xyzt_units", int(rng.choice([0, 1, 2, 3, 10, 255])))
    return put(content, "qoffset_x", float(rng.choice([3.0, np.nan, 1e30]))), "quaternion or no form, other units"


def odd_scaling(content: bytes, rng: Rng) -> tuple[bytes, str]:
    content = put(content, "scl_slope", float(rng.choice([*ODD_REALS, 2.5, -3.0])))
    return put(content, "scl_inter", float(rng.choice([*ODD_REALS, -1024.0]))), "odd scaling"


def odd_offset(content: bytes, rng: Rng) -> tuple[bytes, str]:
    values = (0, 100, 347, 348, 351, 352.5, 353, 354, 400, 9000, 1e6, 6.8e7, 1e30, -352, np.nan, np.inf)
    return put(content, "vox_offset", float(rng.choice(values))), "lying vox_offset"


def odd_type(content: bytes, rng: Rng) -> tuple[bytes, str]:
    content = put(content, "datatype", int(rng.choice(CODES)))
    return put(content, "bitpix", int(rng.choice([0, 1, 8, 16, 32, 64, -8]))), "other data type"


def odd_extension(content: bytes, rng: Rng) -> tuple[bytes, str]:
    size, code = int(rng.choice([0, 8, 16, 24, 2**31 - 1, -16])), int(rng.choice([0, 4, 6, 44, -1]))
    block = b"\1\0\0\0" + struct.pack("<ii", size, code) + rng.bytes(8)
    return put(content[:348] + block + content[352:], "vox_offset", 368.0), "lying extension"


def no_voxel(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """What no decoder needs: a description, an intent, display range, a little after the end."""
    content = put(content, "descrip", np.bytes_(rng.bytes(30).replace(b"\0", b"x")))
    content = put(content, "cal_max", float(rng.choice([np.nan, 5.0, -1e30])))
    content = put(content, "slice_duration", np.nan)
    return content + rng.bytes(int(rng.integers(0, 60))), "bytes that hold no voxel"


def other_writer(files: Files, rng: Rng) -> tuple[Files, str]:
    """The same case written otherwise: NIfTI-2, big-endian, other types, more labels."""
    image, mask = sound_voxels()
    order, version = str(rng.choice(["<", ">"])), int(rng.integers(1, 3))
    image = image.astype(rng.choice(["int16", "float32", "float64", "int32", "uint16"]))
    files["case_1/image.nii"] = bytes_of(image, version=version, order=order)
    files["case_1/mask.nii"] = bytes_of(mask.astype(rng.choice(["uint8", "int16", "float64"])), AFFINE, version, order)
    return files, "written otherwise"


def odd_values(files: Files, rng: Rng) -> tuple[Files, str]:
    """Voxels that no mask or image should hold."""
    image, mask = sound_voxels()
    kind = int(rng.integers(0, 9))
    wide = mask.astype(("int32", "float32", "float64", "uint16")[rng.integers(0, 4)])
    place = tuple(int(rng.integers(0, side)) for side in mask.shape)
    if kind < 3:
        wide = wide.astype(("uint16", "int32", "float64")[kind])
        wide[:] = np.arange(wide.size).reshape(wide.shape) * 15 + (
            65535 - 15 * (wide.size - 1) + int(rng.integers(-1, 3))
        )
        what = "65k labels"
    elif kind == 3:
        wide, what = wide.astype("float32"), "mask of fractions or NaN"
        wide[place] = float(rng.choice([0.5, np.nan, np.inf, 1.0009, 1.5, -np.inf, 1e-3]))
    elif kind == 4:
        wide, what = wide.astype("int32"), "negative labels"
        wide[place] = -int(rng.integers(1, 70000))
    elif kind == 5:
        wide[:], what = 0, "empty mask"
    elif kind == 6:
        image, what = image.astype("float32"), "image of NaN and Inf"
        image[rng.random(image.shape) < rng.choice([0.01, 0.5, 1.1])] = rng.choice([np.nan, np.inf, -np.inf])
    elif kind == 7:
        image, what = image.astype("float64"), "image of huge numbers"
        image[place] = float(rng.choice([1e300, -1e308, 1.7e308, 1e39]))
    else:
        image, what = np.full(image.shape, rng.integers(-5, 5), image.dtype), "image of one value"
    files["case_1/image.nii"], files["case_1/mask.nii"] = bytes_of(image), bytes_of(wide)
    return files, what


PLAIN = (
    *(odd_dims, odd_dims, other_shape, other_shape, odd_spacing, odd_affine, zero_axis, other_form, odd_scaling),
    *(odd_offset, odd_type, odd_extension),
)


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values and affine by nibabel; a gzip file is read to its last checksum before."""
    content = path.read_bytes()
    if path.name.endswith(".gz"):
        content = gunzip(content)
    header = _header_of(content)
    shape = header.get_data_shape()
    values = np.asanyarray(header.data_from_fileobj(io.BytesIO(content)))
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.dtype.kind not in "iuf" or min(shape) < 1:
        raise ValueError(f"voxels of {values.dtype}, {shape}")
    return values, _affine_of(header)


def _header_of(content: bytes) -> nib.Nifti1Header:
    kind = nib.Nifti2Header if content[:4] in (b"\x1c\x02\0\0", b"\0\0\x02\x1c") else nib.Nifti1Header
    header = kind(content[: kind.sizeof_hdr], check=False)  # without its extensions, which hold no voxel
    if not bytes(header["magic"]).startswith((b"n+1", b"n+2")):
        raise ValueError("not a single file")
    header.set_data_offset(header.get_data_offset())  # raises for what nibabel takes for none
    return header


def _affine_of(header: nib.Nifti1Header) -> np.ndarray:
    """By the standard's rules, which nibabel leaves to others: a form counts where its code is positive, a qform is
    left-handed where pixdim[0] is negative, and lengths are in the unit that the header names.
    """
    header = header.copy()
    header["pixdim"][0] = 1 if header["pixdim"][0] >= 0 else header["pixdim"][0]
    if header["sform_code"] > 0:
        form = header.get_sform()
    else:
        form = header.get_qform() if header["qform_code"] > 0 else header.get_base_affine()
    space = int(header["xyzt_units"]) & 7
    mm = {unit_codes["meter"]: 1000.0, unit_codes["micron"]: 0.001}.get(space, 1.0)
    return np.diag([mm, mm, mm, 1.0]) @ np.asarray(form, np.float64)


def gunzip(content: bytes) -> bytes:
    """By the standard library, which checks every member. Raises where it does."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
        return stream.read(1 << 30)


def truth(folder: Path, ending: str) -> Truth:
    image, mask = (next(iter(sorted(folder.rglob(f"{name}{ending}")))) for name in ("image", "mask"))
    return truth_of(read(image), read(mask))


# Damage to the gzip stream


def _packed(content: bytes, level: int = 6) -> bytes:
    return gzip.compress(content, level, mtime=0)


def members(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """Several members, which is one stream; perhaps a damaged or an empty one among them."""
    inner = gzip.decompress(content)
    places = sorted(rng.integers(0, len(inner), 3).tolist())
    parts = [inner[a:b] for a, b in zip([0, *places], [*places, len(inner)], strict=True)]
    packed = [_packed(part, int(rng.integers(0, 10))) for part in parts]
    if rng.random() < 0.5:
        hit = int(rng.integers(0, 4))
        packed[hit] = packed[hit][: -int(rng.integers(1, 9))] if rng.random() < 0.5 else b""
    return b"".join(packed), "multi-member gzip"


def after_the_end(content: bytes, rng: Rng) -> tuple[bytes, str]:
    kinds = (bytes(int(rng.integers(1, 600))), rng.bytes(50), b"\x1f\x8b", b"\x1f\x8b\x08\0", _packed(rng.bytes(99)))
    return content + kinds[rng.integers(0, len(kinds))], "trailing garbage after gzip"


def wrong_crc(content: bytes, rng: Rng) -> tuple[bytes, str]:
    place = len(content) - int(rng.integers(1, 9))
    return content[:place] + bytes([content[place] ^ int(rng.integers(1, 256))]) + content[
        place + 1 :
    ], "CRC or length error"


def odd_gzip_header(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """Flags, names, comments and extra fields before the stream."""
    flags = int(rng.integers(0, 256))
    extra = struct.pack("<H", 5) + b"extra" if flags & 4 else b""
    name = b"name\0" if flags & 8 else b""
    comment = b"comment\0" if flags & 16 else b""
    head = content[:3] + bytes([flags]) + rng.bytes(6) + extra + name + comment
    if flags & 2:
        crc = zlib.crc32(head) & 0xFFFF
        head += struct.pack("<H", crc if rng.random() < 0.5 else crc ^ 1)
    return head + content[10:], "odd gzip header"


def bomb(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """Zeros without end: after the voxels, before them, or as the voxels that a header promises."""
    inner = gzip.decompress(content)
    kind = int(rng.integers(0, 4))
    if kind == 0:
        return content + _zeros(100), "gzip bomb after the voxels"
    if kind == 1:
        inner = put(inner, "vox_offset", float(80 << 20))
        return _packed(inner[:352], 1) + _zeros(80) + _packed(inner[352:], 1), "gzip bomb before the voxels"
    sides = (8000, 8000, 200) if kind == 2 else (1500, 1500, 20)  # 25 GB, 90 MB
    for index, side in enumerate(sides):
        inner = put(inner, "dim", side, index + 1)
    return _packed(inner, 1) + _zeros(100), "gzip bomb as voxels"


def _zeros(mebibytes: int, known: dict[int, bytes] = {}) -> bytes:  # noqa: B006 (it is meant to last)
    if mebibytes not in known:
        known[mebibytes] = _packed(bytes(mebibytes << 20), 9)
    return known[mebibytes]


def not_packed(content: bytes, rng: Rng) -> tuple[bytes, str]:
    inner = gzip.decompress(content)
    kinds = (inner, zlib.compress(inner), _packed(content), _packed(b""))
    return kinds[rng.integers(0, len(kinds))], "no gzip, or gzip in gzip"


def inside(change: Way) -> Way:
    """The same way on the unpacked file."""

    def way(files: Files, rng: Rng) -> tuple[Files, str]:
        plain: Files = {path[:-3]: gzip.decompress(content) for path, content in files.items()}  # type: ignore[arg-type]
        changed, what = change(plain, rng)
        return {f"{path}.gz": _packed(content, 1) for path, content in changed.items()}, what  # type: ignore[arg-type]

    return way


def attacks() -> list[Attack]:
    case: Files = {f"case_1/{name}.nii": content for name, content in sound().items()}
    packed: Files = {f"{path}.gz": _packed(content) for path, content in case.items()}  # type: ignore[arg-type]
    structure = (*map(on_bytes, PLAIN), other_writer, odd_values, odd_values, odd_values)
    stream = (members, members, after_the_end, wrong_crc, wrong_crc, odd_gzip_header, bomb, not_packed)
    return [
        Attack(
            "NIfTI",
            table("{case}/image.nii", "{case}/mask.nii"),
            case,
            (*any_bytes.ways(), *structure, *structure, *any_file.ways()),
            partial(truth, ending=".nii"),
            (on_bytes(no_voxel),),
        ),
        Attack(
            "NIfTI, gzip",
            table("{case}/image.nii.gz", "{case}/mask.nii.gz"),
            packed,
            (
                *any_bytes.ways(),
                *map(inside, structure),
                *map(inside, any_bytes.ways()),
                *map(on_bytes, stream),
                *any_file.ways(),
            ),
            partial(truth, ending=".nii.gz"),
            (inside(on_bytes(no_voxel)),),
        ),
    ]
