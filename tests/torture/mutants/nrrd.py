"""NRRD (.nrrd), raw and gzipped, against a decoder of sixty lines, by the format's definition."""

import gzip
import io
from functools import partial
from pathlib import Path

import numpy as np
from torture.mutants import any_bytes, any_file
from torture.mutants.attack import AFFINE, Attack, Files, Rng, Way, on_bytes, sound_voxels, table
from torture.mutants.text_header import TextHeader
from torture.mutants.truth import Truth, truth_of

HEADER = TextHeader(b": ", b"")
TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "uint64", "uint64_t"), "u8"),
    **{"float": "f4", "double": "f8"},
}
SPACES = {
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
}
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def write(array: np.ndarray, packed: bool, space: str = "left-posterior-superior", swapped: bool = False) -> bytes:
    affine = np.diag([*SPACES[space], 1]) @ AFFINE
    vectors = [f"({','.join(f'{n:g}' for n in column)})" for column in affine[:3, :3].T]
    vectors += ["none"] * (array.ndim - 3)
    fields = {
        "type": {value: key for key, value in TYPES.items()}[array.dtype.str[1:]],
        "dimension": array.ndim,
        "space": space,
        "sizes": " ".join(map(str, array.shape)),
        "space directions": " ".join(vectors[: array.ndim]),
        "kinds": " ".join(["domain"] * min(3, array.ndim) + ["list"] * (array.ndim - 3)),
        "endian": "big" if swapped else "little",
        "encoding": "gzip" if packed else "raw",
        "space origin": f"({','.join(f'{n:g}' for n in affine[:3, 3])})",
    }
    voxels = (array.byteswap() if swapped else array).tobytes(order="F")
    text = "".join(f"{key}: {value}\n" for key, value in fields.items())
    return (
        b"NRRD0004\n# a comment\n" + text.encode() + b"\n" + (gzip.compress(voxels, 1, mtime=0) if packed else voxels)
    )


def read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values and affine in RAS+ of an NRRD file; raises for what is none."""
    content = path.read_bytes()
    magic, place = content[: content.index(b"\n")].rstrip(b"\r"), content.index(b"\n") + 1
    if not (magic.startswith(b"NRRD000") and magic[7:8].isdigit() and len(magic) == 8):
        raise ValueError("no NRRD")
    fields: dict[str, str] = {}
    while True:
        end = content.index(b"\n", place)
        line = content[place:end].rstrip(b"\r").decode("latin-1")
        place = end + 1
        if not line:
            break
        key, colon, value = line.partition(":")
        if line.startswith("#") or value.startswith("="):
            continue
        if not colon or key.lower() in fields:
            raise ValueError(f"no field, or one twice: {line[:40]}")
        fields[key.lower()] = value.strip()
    count, shape = int(fields["dimension"]), tuple(int(n) for n in fields["sizes"].split())
    if len(shape) != count or min(shape) < 1 or {"data file", "datafile"} & set(fields):
        raise ValueError(f"{shape} of {count} dimensions")
    dtype = np.dtype(TYPES[fields["type"].lower()])
    if dtype.itemsize > 1:
        dtype = dtype.newbyteorder({"little": "<", "big": ">"}[fields["endian"].lower()])
    if any(int(fields.get(key, "0")) for key in ("line skip", "lineskip", "byte skip", "byteskip")):
        raise ValueError("skipped bytes")
    voxels = content[place:]
    if fields["encoding"].lower() in ("gzip", "gz"):
        with gzip.GzipFile(fileobj=io.BytesIO(voxels)) as stream:
            voxels = stream.read(1 << 28)
    elif fields["encoding"].lower() != "raw":
        raise ValueError(fields["encoding"])
    array = np.frombuffer(voxels[: int(np.prod(shape)) * dtype.itemsize], dtype).reshape(shape, order="F")
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    return array, _affine(fields, count)


def _affine(fields: dict[str, str], count: int) -> np.ndarray:
    """Voxel to RAS+ mm: by directions in a space, else by spacings alone, in ITK's axes (to the Left, Posterior)."""
    affine, turn = np.eye(4), LPS
    if "space" in fields or "space dimension" in fields:
        turn = np.diag([*SPACES[fields["space"].lower()], 1.0]) if "space" in fields else LPS
    if "space directions" in fields:
        words = fields["space directions"].replace(", ", ",").split()
        vectors = [[float(n) for n in word.strip("()").split(",")] for word in words if word != "none"]
        affine[:3, :3] = np.array(vectors).T
    elif "spacings" in fields:
        affine[:3, :3] = np.diag([float(n) for n in fields["spacings"].split()][:3])
    if "space origin" in fields:
        affine[:3, 3] = [float(n) for n in fields["space origin"].strip("()").split(",")]
    if count < 3:
        raise ValueError("no volume")
    return np.asarray(turn @ affine)


def truth(folder: Path) -> Truth:
    image, mask = (next(iter(sorted(folder.rglob(f"{name}.nrrd")))) for name in ("image", "mask"))
    return truth_of(read(image), read(mask))


def case_of(image: np.ndarray, mask: np.ndarray, packed: bool, **how: object) -> Files:
    return {
        "case_1/image.nrrd": write(image, packed, **how),  # type: ignore[arg-type]
        "case_1/mask.nrrd": write(mask, packed, **how),  # type: ignore[arg-type]
    }


def other_voxels(files: Files, rng: Rng, packed: bool) -> tuple[Files, str]:
    """Other types, spaces, byte orders and numbers of axes, and values that no mask holds."""
    image, mask = sound_voxels()
    image = image.astype(rng.choice(["int16", "float32", "float64", "int32", "int64", "uint16"]))
    mask = mask.astype(rng.choice(["uint8", "int16", "int32", "float32"]))
    what, kind = "written otherwise", int(rng.integers(0, 5))
    if kind == 1:
        mask, what = mask.astype("int32"), "65k labels"
        mask[:] = np.arange(mask.size).reshape(mask.shape) * 15 + 65535 - 15 * (mask.size - 1) + rng.integers(-1, 3)
    elif kind == 2:
        mask, what = mask.astype("float64"), "mask of fractions or NaN"
        mask[tuple(int(rng.integers(0, side)) for side in mask.shape)] = rng.choice([0.5, np.nan, np.inf, -1.0])
    elif kind == 3:
        shapes = [(480, 9), (24, 20, 9, 1), (24, 20, 3, 3), (24, 20, 9, 1, 1), (24, 5, 2, 2, 9)]
        shape = shapes[rng.integers(0, len(shapes))]
        image, what = image.reshape(shape), f"{len(shape)}D"
    space = str(rng.choice(sorted(SPACES)))
    return case_of(image, mask, packed, space=space, swapped=bool(rng.random() < 0.5)), what


CHANGES = (
    *(HEADER.odd_value, HEADER.odd_part, HEADER.odd_part, HEADER.other_lines),
    HEADER.setting("wrong or huge dims", b"sizes", (b"0 20 9", b"24 20", b"-24 20 9", b"9999 9999 9999", b"4320 1 1")),
    HEADER.setting(
        "other number of axes", b"dimension", (b"0", b"1", b"2", b"4", b"5", b"-3", b"16", b"17", b"1000000")
    ),
    HEADER.setting(
        *("odd spacing", b"space directions"),
        tuple(
            f"({n},0,0) (0,1.25,0) (0,0,2.5)".encode() for n in ("nan", "0", "inf", "1e30", "1e-30", "-0.8", "1e400")
        ),
    ),
    HEADER.setting(
        *("odd directions", b"space directions"),
        (b"(1,0) (0,1) (0,0)", b"none none none", b"(1,0,0) none (0,0,1)", b"(1,1,0) (0,1,0) (0,0,1)", b"((1,0,0)"),
    ),
    HEADER.setting(
        "other data type", b"type", tuple(name.encode() for name in (*TYPES, "block", "long double", "half"))
    ),
    HEADER.setting(
        "other packing", b"encoding", (b"raw", b"gzip", b"gz", b"bzip2", b"bz2", b"ascii", b"text", b"hex", b"zrl")
    ),
    HEADER.setting("byte order", b"endian", (b"big", b"little", b"middle")),
    HEADER.setting(
        "other space", b"space", (*(name.encode() for name in SPACES), b"scanner-xyz", b"3D-right-handed", b"mars")
    ),
    HEADER.setting("skipped bytes", b"byte skip", (b"-1", b"0", b"10", b"-2", b"99999999")),
    HEADER.setting("skipped lines", b"line skip", (b"0", b"1", b"-1", b"9999")),
    HEADER.setting(
        "voxels elsewhere", b"data file", (b"LIST", b"other.raw", b"../../secret", b"/etc/passwd", b"i%d.raw 1 3 1")
    ),
    HEADER.setting("spacings too", b"spacings", (b"1 1 1", b"nan 1 1", b"-1 1 1")),
    HEADER.setting("odd origin", b"space origin", (b"(nan,0,0)", b"(0,0)", b"(1e300,0,0)", b"0 0 0", b"none")),
    HEADER.setting(
        "kinds",
        b"kinds",
        (b"domain domain domain", b"vector domain domain", b"list list list", b"RGB-color space space"),
    ),
)


def damaged_stream(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """The gzipped voxels without their end, with another checksum, followed by more, or endless."""
    start = content.index(b"\n\n") + 2
    packed, kind = content[start:], int(rng.integers(0, 6))
    if kind == 0:
        packed = packed[: -int(rng.integers(1, 9))]
    elif kind == 1:
        place = len(packed) - int(rng.integers(1, 9))
        packed = packed[:place] + bytes([packed[place] ^ 1]) + packed[place + 1 :]
    elif kind == 2:
        packed += rng.bytes(50) if rng.random() < 0.5 else bytes(50)
    elif kind == 3:
        packed += gzip.compress(b"more")
    elif kind == 4:
        packed = gzip.compress(bytes(100 << 20), 9)
    else:
        inner = gzip.decompress(packed)
        packed = gzip.compress(inner[:1000]) + gzip.compress(inner[1000:])
    return content[:start] + packed, "damaged gzip stream"


def harmless(content: bytes, rng: Rng) -> tuple[bytes, str]:
    line = (b"content: an image", b"my key:=its value: x", b"# a remark", b"units: ")[rng.integers(0, 4)]
    return content.replace(b"\n\n", b"\n" + line + b"\n\n", 1), "a description"


def attacks() -> list[Attack]:
    image, mask = sound_voxels()
    found = []
    for packed in (False, True):
        others: Way = partial(other_voxels, packed=packed)
        streams: tuple[Way, ...] = (on_bytes(damaged_stream),) * 4 if packed else ()
        ways = (*any_bytes.ways(), *map(on_bytes, CHANGES), others, others, others, *streams, *any_file.ways())
        found.append(
            Attack(
                "NRRD, gzip" if packed else "NRRD, raw",
                table("{case}/image.nrrd", "{case}/mask.nrrd"),
                case_of(image, mask, packed),
                ways,
                truth,
                (on_bytes(harmless),),
            )
        )
    return found
