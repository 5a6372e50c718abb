"""HDF5 as SKM-TEA ships it, with gzip and a checksum or without, against h5py alone."""

import io
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from torture.mutants import any_bytes, any_file
from torture.mutants.attack import Attack, Files, Rng, on_bytes, sound_voxels, table
from torture.mutants.truth import Truth, truth_of

AFFINE = np.array([[0.0, 0.0, 0.8, 0.0], [0.0, -0.3125, 0.0, 0.0], [-0.3125, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
"""What the reader's description says of the publisher's axes; the files hold none."""
FILE = "case_1/scan.h5"


def write(arrays: dict[str, Any], **filters: Any) -> bytes:
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        for name, array in arrays.items():
            made = file.create_dataset(name, data=array, track_times=False, **filters)
            made.attrs["note"] = "a note that nobody reads"
    return held.getvalue()


def one_hot(mask: np.ndarray) -> np.ndarray:
    return np.stack([mask == label for label in (1, 2)], axis=3).astype(np.uint8)


def arrays(**others: np.ndarray) -> dict[str, np.ndarray]:
    image, mask = sound_voxels()
    return {"echo1": image, "seg": one_hot(mask), **others}


def truth(folder: Path) -> Truth:
    with h5py.File(next(iter(sorted(folder.rglob("scan.h5")))), "r") as file:
        image, claims = file["echo1"][()], file["seg"][()]
    if claims.ndim == 3:
        return truth_of((image, AFFINE), (claims, AFFINE))
    present = claims > 0.5
    labels = np.where(present.any(axis=3), claims.argmax(axis=3) + 1, 0)
    return truth_of((image, AFFINE), (labels, AFFINE))


FILTERS: tuple[dict[str, Any], ...] = (
    {},
    {"compression": "gzip"},
    {"fletcher32": True, "chunks": (8, 10, 9)},
    {"compression": "gzip", "shuffle": True, "fletcher32": True, "chunks": (5, 5, 5)},
    {"compression": "lzf"},
    {"chunks": (24, 20, 9)},
)


def other_filters(files: Files, rng: Rng) -> tuple[Files, str]:
    """The same arrays packed otherwise, and damaged in a byte half the time."""
    image, mask = sound_voxels()
    filters = FILTERS[rng.integers(0, len(FILTERS))]
    content = write({"echo1": image, "seg": mask}, **filters)
    what = "written otherwise"
    if rng.random() < 0.7:
        content, what = any_bytes.flip_bits(content, rng)
        what = f"bit flips under {', '.join(sorted(filters)) or 'no filter'}"
    return {FILE: content}, what


def other_arrays(files: Files, rng: Rng) -> tuple[Files, str]:
    """Other shapes, types and values; arrays that are missing, empty, elsewhere or groups."""
    image, mask = sound_voxels()
    held, kind = io.BytesIO(), int(rng.integers(0, 15))
    place = tuple(int(rng.integers(0, side)) for side in mask.shape)
    with h5py.File(held, "w") as file:
        made: dict[str, Any] = arrays()
        what = "other arrays"
        if kind == 0:
            made["echo1"] = image[..., 0]
        elif kind == 1:
            made["echo1"] = np.stack([image] * 2, axis=3)
        elif kind == 2:
            made["seg"] = np.zeros((24, 20, 9, 300), np.uint8)
        elif kind == 3:
            made["seg"], what = mask.astype("int32"), "65k labels"
            made["seg"][:] = (
                np.arange(mask.size).reshape(mask.shape) * 15 + 65535 - 15 * (mask.size - 1) + rng.integers(-1, 3)
            )
        elif kind == 4:
            made["seg"], what = mask.astype("float32"), "mask of fractions or NaN"
            made["seg"][place] = rng.choice([np.nan, np.inf, 0.5, -1.0])
        elif kind == 5:
            made["echo1"] = image.astype(rng.choice(["complex64", "S4", "float16", ">i2", ">f8", "uint64", "bool"]))
        elif kind == 6:
            made["echo1"] = np.zeros((0, 20, 9), "int16")
        elif kind == 7:
            made[str(rng.choice(["echo1", "seg"]))] = h5py.ExternalLink("/etc/passwd", "x")
        elif kind == 8:
            made[str(rng.choice(["echo1", "seg"]))] = h5py.SoftLink(
                str(rng.choice(["/seg", "/echo1", "/nothing", "/"]))
            )
        elif kind == 9:
            del made[str(rng.choice(["echo1", "seg"]))]
        elif kind == 10:
            made["echo1"] = h5py.Empty("f4")
        elif kind == 11:
            layout = h5py.VirtualLayout(image.shape, "int16")
            layout[:] = h5py.VirtualSource("other.h5", "x", image.shape)
            del made["echo1"]
            file.create_virtual_dataset("echo1", layout)
        elif kind == 12:
            del made["echo1"]
            file.create_dataset("echo1", (9000, 9000, 900), "int16", chunks=(64, 64, 64))  # no chunk of it is stored
            what = "huge dims of an empty array"
        elif kind == 13:
            del made["echo1"]
            file.create_dataset("echo1", image.shape, "int16", external=[("/etc/passwd", 0, image.nbytes)])
        else:
            made["seg"][:] = 0
            what = "empty mask"
        for name, array in made.items():
            file[name] = array
    return {FILE: held.getvalue()}, what


def bomb(files: Files, rng: Rng) -> tuple[Files, str]:
    """Few bytes that are many zeros."""
    zeros = np.zeros((500, 500, 200), "int16")
    one = {"echo1": zeros} if rng.random() < 0.5 else {"seg": zeros.astype("uint8")}
    return {FILE: write(arrays(**one), compression="gzip", compression_opts=9)}, "bomb of zeros"


def harmless(content: bytes, rng: Rng) -> tuple[bytes, str]:
    return content.replace(b"a note that nobody reads", rng.bytes(12).hex().encode()), "another note"


def attacks() -> list[Attack]:
    case: Files = {FILE: write(arrays(), compression="gzip")}
    name = FILE.replace("case_1", "{case}")
    damage = (other_filters,) * 6 + (other_arrays,) * 6 + (bomb,)
    files = tuple(way for way in any_file.ways() if way not in (any_file.exchange, any_file.missing))
    return [
        Attack(
            "HDF5",
            table(name, name, member="echo1", mask_member="seg"),
            case,
            (*any_bytes.ways(), *damage, *files),
            truth,
            (on_bytes(harmless),),
        )
    ]
