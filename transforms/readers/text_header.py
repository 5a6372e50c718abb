"""What the text headers of MetaImage and NRRD say, and how their numbers are written."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from medvision.schemas.faults import DataFault

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
WHOLE = re.compile(r"\+?[0-9]{1,18}")
REAL = re.compile(r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|nan|inf)", re.IGNORECASE)


@dataclass(frozen=True)
class TextHeader:
    """A volume as its header describes it.

    Attributes:
        shape: In the file's order, the fastest axis first.
        channel_axis: The axis that is no length, -1 for none.
        dtype: As stored, in the file's byte order.
        affine: (4, 4) voxel index of the three other axes to RAS mm.
        zooms_mm: Voxel sizes as stated.
        packing: "raw", "zlib", "gzip" or "bzip2".
        packed_bytes: Of the packed voxels, -1 where the header does not say.
    """

    shape: tuple[int, ...]
    channel_axis: int
    dtype: np.dtype
    affine: np.ndarray
    zooms_mm: tuple[float, float, float]
    packing: str
    packed_bytes: int = -1

    @property
    def voxel_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=object)) * self.dtype.itemsize

    def place(self, voxels: np.ndarray) -> np.ndarray:
        """A one-dimensional array of all voxels as (i, j, k) or (i, j, k, channel)."""
        array = voxels.reshape(self.shape, order="F")
        if self.channel_axis < 0:
            return array
        array = np.moveaxis(array, self.channel_axis, -1)
        return array[..., 0] if array.shape[-1] == 1 else array


def whole_numbers(text: str) -> list[int]:
    """Numbers of a field. Raises ValueError for anything that C and Python would not both take for them."""
    return [int(_checked(word, WHOLE)) for word in _words(text)]


def real_numbers(text: str) -> list[float]:
    """The same for numbers with a fraction; NaN and infinity are numbers here."""
    return [float(_checked(word, REAL)) for word in _words(text)]


def grid_affine(directions: np.ndarray, origin_mm: list[float], to_ras: np.ndarray) -> np.ndarray:
    """Affine (4, 4) to RAS mm.

    Args:
        directions: (3, 3), each column the step in mm along an axis.
        to_ras: (4, 4) from the file's space.

    Raises:
        DataFault: bad_spacing for a step that has no finite length.
    """
    with np.errstate(all="ignore"):
        lengths = np.sqrt((directions**2).sum(axis=0))
    if not np.isfinite(lengths).all() or lengths.min() <= 0:
        raise DataFault("read", "bad_spacing", spacing_mm=lengths.tolist())
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = directions, origin_mm
    with np.errstate(invalid="ignore"):
        return np.asarray(to_ras @ affine)


def column_lengths(affine: np.ndarray) -> tuple[float, float, float]:
    """Voxel sizes of an affine."""
    i, j, k = np.sqrt((affine[:3, :3] ** 2).sum(axis=0)).tolist()
    return i, j, k


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[ \t]+", text) if word]


def _checked(word: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(word):
        raise ValueError(f"not a number: {word[:40]!r}")
    return word
