"""MetaImage (.mha, and .mhd with a data file) against a decoder of fifty lines, by MetaIO's own description."""

import posixpath
import zlib
from pathlib import Path

import numpy as np
from torture.mutants import any_bytes, any_file
from torture.mutants.attack import AFFINE, Attack, Files, Link, Rng, Way, on_bytes, sound_voxels, table
from torture.mutants.text_header import TextHeader
from torture.mutants.truth import Truth, truth_of

HEADER = TextHeader(b" = ", b"ElementDataFile")
TYPES = {
    **{"MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4"},
    **{"MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8"},
    **{"MET_LONG": "i4", "MET_ULONG": "u4"},
}
NAMES = {np.dtype(code): name for name, code in TYPES.items() if name not in ("MET_LONG", "MET_ULONG")}
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
LARGEST = 1 << 28


def write(array: np.ndarray, packed: bool, data_file: str = "LOCAL", swapped: bool = False) -> tuple[bytes, bytes]:
    """Header and voxels of an array on the sound case's grid."""
    affine = LPS @ AFFINE
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    voxels = (array.byteswap() if swapped else array).tobytes(order="F")
    voxels = zlib.compress(voxels, 1) if packed else voxels
    fields = {
        "ObjectType": "Image",
        "NDims": array.ndim,
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": swapped,
        "CompressedData": packed,
        **({"CompressedDataSize": len(voxels)} if packed else {}),
        "TransformMatrix": " ".join(f"{n:g}" for n in (affine[:3, :3] / spacing).T.reshape(-1)),
        "Offset": " ".join(f"{n:g}" for n in affine[:3, 3]),
        "CenterOfRotation": "0 0 0",
        "ElementSpacing": " ".join(f"{n:g}" for n in spacing),
        "DimSize": " ".join(map(str, array.shape)),
        "ElementType": NAMES[array.dtype],
        "ElementDataFile": data_file,
    }
    return "".join(f"{key} = {value}\n" for key, value in fields.items()).encode(), voxels


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values and affine in RAS+ of a MetaImage; raises for what is none."""
    content = path.read_bytes()
    fields: dict[str, str] = {}
    place = 0
    while "ElementDataFile" not in fields:
        end = content.find(b"\n", place)
        end = len(content) if end < 0 < len(content) - place else end
        if end < 0:
            raise ValueError("no ElementDataFile")
        key, equals, value = content[place:end].decode("latin-1").partition("=")
        if not equals and key.strip():
            raise ValueError(f"no field: {key}")
        fields.setdefault(key.strip(), value.strip())
        place = end + 1
    count = int(fields["NDims"])
    shape = tuple(int(n) for n in fields["DimSize"].split())[:count]
    if len(shape) != count or min(shape) < 1 or fields.get("ObjectType", "Image") != "Image":
        raise ValueError(f"{shape} of {count} dimensions")
    if not _true(fields.get("BinaryData", "False")):
        raise ValueError("voxels as text")
    msb = fields.get("ElementByteOrderMSB", fields.get("BinaryDataByteOrderMSB", "False"))
    dtype = np.dtype((">" if _true(msb) else "<") + TYPES[fields["ElementType"]])
    channels = int(fields.get("ElementNumberOfChannels", "1"))
    name, voxels = fields["ElementDataFile"], content[place:]
    if name.upper() != "LOCAL":
        target = posixpath.normpath(path.parent / name)
        if not Path(target).resolve().is_relative_to(path.parent.parent.resolve()):
            raise ValueError("outside")
        voxels = Path(target).read_bytes()
    if _true(fields.get("CompressedData", "False")):
        unpacker = zlib.decompressobj(47)
        voxels = unpacker.decompress(voxels, LARGEST)
        if not unpacker.eof:
            raise ValueError("the stream has no end")
    elif int(fields.get("HeaderSize", "0")) > 0:
        raise ValueError("voxels elsewhere")
    flat = np.frombuffer(voxels, dtype)[: int(np.prod(shape)) * channels]
    array = flat.reshape((channels, *shape), order="F")
    array = array[0] if channels == 1 else np.moveaxis(array, 0, -1)
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    return array, _affine(fields, count)


def _affine(fields: dict[str, str], count: int) -> np.ndarray:
    def numbers(keys: tuple[str, ...], usual: np.ndarray) -> np.ndarray:
        text = next((fields[key] for key in keys if key in fields), None)
        return usual.reshape(-1) if text is None else np.array([float(n) for n in text.split()])

    matrix = numbers(("TransformMatrix", "Rotation", "Orientation"), np.eye(count)).reshape(count, count).T
    spacing = numbers(("ElementSpacing", "ElementSize"), np.ones(count))
    origin = numbers(("Offset", "Position", "Origin"), np.zeros(count))
    affine = np.eye(4)
    affine[:3, :3] = matrix[:3, :3] * spacing[:3]
    affine[:3, 3] = origin[:3]
    return np.asarray(LPS @ affine)


def _true(text: str) -> bool:
    return text[:1] in ("T", "t", "1")


def truth(folder: Path) -> Truth:
    def found(name: str) -> Path:
        return next(path for path in sorted(folder.rglob(f"{name}.*")) if path.suffix in (".mha", ".mhd"))

    return truth_of(read(found("image")), read(found("mask")))


def case_of(image: np.ndarray, mask: np.ndarray, packed: bool, detached: bool, swapped: bool = False) -> Files:
    files: Files = {}
    for name, array in (("image", image), ("mask", mask)):
        if detached:
            data = f"{name}.{'zraw' if packed else 'raw'}"
            files[f"case_1/{name}.mhd"], files[f"case_1/{data}"] = write(array, packed, data, swapped)
        else:
            files[f"case_1/{name}.mha"] = b"".join(write(array, packed, swapped=swapped))
    return files


def other_voxels(packed: bool, detached: bool) -> Way:
    """Other types, byte orders, numbers of axes, and values that no mask holds."""

    def way(files: Files, rng: Rng) -> tuple[Files, str]:
        image, mask = sound_voxels()
        image = image.astype(rng.choice(["int16", "float32", "float64", "int32", "int64", "uint16"]))
        mask = mask.astype(rng.choice(["uint8", "int16", "int32", "float32"]))
        what, kind = "written otherwise", int(rng.integers(0, 5))
        place = tuple(int(rng.integers(0, side)) for side in mask.shape)
        if kind == 1:
            mask, what = mask.astype("int32"), "65k labels"
            mask[:] = np.arange(mask.size).reshape(mask.shape) * 15 + 65535 - 15 * (mask.size - 1) + rng.integers(-1, 3)
        elif kind == 2:
            mask, what = mask.astype("float64"), "mask of fractions or NaN"
            mask[place] = rng.choice([0.5, np.nan, np.inf, -1.0])
        elif kind == 3:
            shapes = [(480, 9), (24, 20, 9, 1), (24, 20, 3, 3), (24, 20, 9, 1, 1), (24, 5, 2, 2, 9)]
            shape = shapes[rng.integers(0, len(shapes))]
            image, what = image.reshape(shape), f"{len(shape)}D"
        return case_of(image, mask, packed, detached, bool(rng.random() < 0.5)), what

    return way


def elsewhere(files: Files, rng: Rng) -> tuple[Files, str]:
    """A header that names another file as its voxels, or a link in their place."""
    names = (
        "../case_1/image.raw",
        "../../secret.raw",
        "/etc/passwd",
        "LIST",
        "i%03d.raw 1 9 1",
        "",
        ".",
        "..",
        "mask.mhd",
    )
    names += (
        "nothing.raw",
        "image.mhd",
        "http://host/image.raw",
        "C:\\image.raw",
        "image.raw\0.txt",
        "x" * 300,
        "\udcff",
    )
    path = str(rng.choice(["case_1/image.mhd", "case_1/mask.mhd"]))
    content = files[path]
    assert isinstance(content, bytes)
    if rng.random() < 0.2:
        data = next(name for name in files if name.startswith(path[:-4]) and name.endswith("raw"))
        files[data] = Link("../../../outside.raw" if rng.random() < 0.5 else "nowhere")
        return files, "data file a link"
    name = str(names[rng.integers(0, len(names))]).encode("utf-8", "surrogateescape")
    files[path] = HEADER.put(content, b"ElementDataFile", name)
    return files, "voxels elsewhere"


def damaged_stream(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """The packed voxels without their end, with another checksum, or followed by more."""
    head = content[: content.index(b"ElementDataFile")]
    start = content.index(b"\n", len(head)) + 1
    return content[:start] + _damaged(content[start:], rng), "damaged zlib stream"


def damaged_file(content: bytes, rng: Rng) -> tuple[bytes, str]:
    return _damaged(content, rng), "damaged data file"


def _damaged(packed: bytes, rng: Rng) -> bytes:
    kind = int(rng.integers(0, 6))
    if kind == 0:
        return packed[: -int(rng.integers(1, 9))]
    if kind == 1:
        return packed[:-1] + bytes([packed[-1] ^ 1])
    if kind == 2:
        return packed + rng.bytes(50)
    if kind == 3:
        return packed + zlib.compress(b"more")
    if kind == 4:
        return zlib.compress(bytes(100 << 20), 9)
    place = int(rng.integers(0, len(packed)))
    return packed[:place] + bytes([packed[place] ^ (1 << int(rng.integers(0, 8)))]) + packed[place + 1 :]


HEADER_CHANGES = (
    *(HEADER.odd_value, HEADER.odd_part, HEADER.odd_part, HEADER.other_lines),
    HEADER.setting(
        "wrong or huge dims", b"DimSize", (b"0 20 9", b"24 20", b"-24 20 9", b"9999 9999 9999", b"4320 1 1")
    ),
    HEADER.setting("other number of axes", b"NDims", (b"0", b"1", b"2", b"4", b"5", b"-3", b"10", b"99", b"1000000")),
    HEADER.setting(
        "odd spacing", b"ElementSpacing", (b"nan 1 1", b"0 1 1", b"-1 1 1", b"1 1", b"1e30 1 1", b"inf 1 1")
    ),
    HEADER.setting(
        "other data type", b"ElementType", tuple(name.encode() for name in (*TYPES, "MET_NONE", "MET_OTHER"))
    ),
    HEADER.setting("channels", b"ElementNumberOfChannels", (b"0", b"1", b"2", b"3", b"-1", b"99999", b"2147483647")),
    HEADER.setting("lying header size", b"HeaderSize", (b"0", b"-1", b"10", b"9999999", b"-9", b"400")),
    HEADER.setting("lying packed size", b"CompressedDataSize", (b"0", b"-1", b"10", b"9999999999", b"1e30")),
    HEADER.setting("other packing", b"CompressedData", (b"True", b"False", b"1", b"0", b"maybe")),
    HEADER.setting("text voxels", b"BinaryData", (b"False", b"True", b"0")),
    HEADER.setting("byte order", b"BinaryDataByteOrderMSB", (b"True", b"False", b"maybe")),
    HEADER.setting(
        *("odd matrix", b"TransformMatrix"),
        (
            b"0 0 0 0 0 0 0 0 0",
            b"1 0 0 1 0 0 0 0 1",
            b"nan 0 0 0 1 0 0 0 1",
            b"1 0 0",
            b"2 0 0 0 1 0 0 0 1",
            b"1 1 0 0 1 0 0 0 1",
        ),
    ),
    HEADER.setting("odd origin", b"Offset", (b"nan 0 0", b"inf 0 0", b"1e300 0 0", b"0 0")),
)


def harmless(content: bytes, rng: Rng) -> tuple[bytes, str]:
    return HEADER.put(content, b"Comment", rng.bytes(8).hex().encode()), "a comment"


def attacks() -> list[Attack]:
    image, mask = sound_voxels()
    local, apart = case_of(image, mask, True, False), case_of(image, mask, True, True)
    heads = tuple(path for path in apart if path.endswith(".mhd"))
    return [
        Attack(
            "MetaImage, one file, zlib",
            table("{case}/image.mha", "{case}/mask.mha"),
            local,
            (
                *any_bytes.ways(),
                *map(on_bytes, HEADER_CHANGES),
                *(other_voxels(True, False), other_voxels(False, False)),
                *(on_bytes(damaged_stream), on_bytes(damaged_stream)),
                *any_file.ways(),
            ),
            truth,
            (on_bytes(harmless),),
        ),
        Attack(
            "MetaImage, header and data file",
            table("{case}/image.mhd", "{case}/mask.mhd"),
            apart,
            (
                *any_bytes.ways(),
                *(on_bytes(change, *heads) for change in HEADER_CHANGES),
                *(other_voxels(True, True), other_voxels(False, True), elsewhere, elsewhere, elsewhere),
                *(on_bytes(damaged_file, *sorted(set(apart) - set(heads))),) * 2,
                *any_file.ways(),
            ),
            truth,
            (on_bytes(harmless, *heads),),
        ),
    ]
