"""Radiographic films as BMP (Ceph-Biometrics-400)."""

from __future__ import annotations

import io
import struct

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.transforms.readers.opened import Opened
from medvision.transforms.streams import DEFLATE_LIMIT, read_bounded

MAX_FILM_BYTES = 1 << 30
DAMAGE = (OSError, ValueError, SyntaxError, EOFError, struct.error)


def read_film(opened: Opened) -> RawVolume:
    """Read a film as upstream stores it: gray, rows flipped, axes swapped.

    Pixel (column x, row y) of a film W wide and H high is voxel [0, x, H - 1 - y].

    Returns:
        uint8 (1, W, H); the affine is diagonal, `opened.spacing_mm` on all axes (1 where it is 0).

    Raises:
        DataFault: bad_header, bad_voxels, dims_exceed_file, volume_too_large.
    """
    from PIL import Image

    with opened.stream() as stream:
        content = read_bounded(stream, MAX_FILM_BYTES)
    try:
        film = Image.open(io.BytesIO(content), formats=("BMP",))
    except (*DAMAGE, Image.DecompressionBombError) as error:  # in memory: no fault of the disk
        raise DataFault("read", "bad_header", format="BMP") from error
    with film:
        width, height = film.size
        expected = width * height * len(film.getbands())
        if expected > min(MAX_FILM_BYTES, len(content) * DEFLATE_LIMIT):
            raise DataFault("read", "dims_exceed_file", expected=expected, size=len(content))
        try:
            gray = np.asarray(film.convert("L"))
        except DAMAGE as error:
            raise DataFault("read", "bad_voxels", format="BMP") from error
    spacing = opened.spacing_mm or 1.0
    affine = np.diag([spacing, spacing, spacing, 1.0])
    return RawVolume(gray[::-1].T[np.newaxis], affine, (spacing, spacing, spacing))
