"""Arrays of HDF5 files (SKM-TEA) through h5py, which is imported on use."""

from __future__ import annotations

from typing import Any

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.transforms.readers.opened import Opened
from medvision.transforms.streams import DEFLATE_LIMIT

MAX_VOXEL_BYTES = 16 << 30
SPACING_MM = (0.3125, 0.3125, 0.8)
AFFINE = np.array([[0.0, 0.0, 0.8, 0.0], [0.0, -0.3125, 0.0, 0.0], [-0.3125, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
"""Of SKM-TEA, the only HDF5 dataset: its files hold no affine. The publisher gives axes (SI, AP, LR) and their voxel
sizes. That the index grows from Superior to Inferior, Anterior to Posterior and Left to Right is not stated in public
and not yet checked against the publisher's NIfTI masks; a wrong sign would mirror the volume. The origin is unknown: 0.
"""
HALF = 0.5
DAMAGE = (OSError, ValueError, RuntimeError, KeyError, TypeError)


def read_hdf5(opened: Opened, max_bytes: int = MAX_VOXEL_BYTES) -> RawVolume:
    """Read the array `opened.member`.

    A mask of four axes is one-hot, (i, j, k, class): class c becomes label c + 1 where its value is the largest and
    above one half. Where several classes exceed one half the voxel counts as overlap, and ties go to the lowest.

    Returns:
        Voxels (i, j, k) or (i, j, k, channel) with SKM-TEA's affine.

    Raises:
        DataFault: bad_header, bad_dims, bad_voxels, dims_exceed_file, external_file, member_missing,
            unsupported_dtype, volume_too_large.
    """
    import h5py

    with opened.local_copy() as path:
        # The file was just read to its end for the hash: what h5py raises, OSError included, is about its content.
        try:
            file = h5py.File(path, "r", locking=False)
        except DAMAGE as error:
            raise DataFault("read", "bad_header", format="HDF5") from error
        with file:
            array = _member(file, opened.member, h5py)
            _check(array, path.stat().st_size, max_bytes)
            try:
                if opened.is_mask and array.ndim == 4:
                    labels, overlap = _labels(array)
                    return RawVolume(labels, AFFINE.copy(), SPACING_MM, overlap_voxels=overlap)
                data = array[()]
            except DAMAGE as error:
                raise DataFault("read", "bad_voxels", format="HDF5") from error
    data = data.view(np.uint8) if data.dtype == bool else data.astype(data.dtype.newbyteorder("="), copy=False)
    return RawVolume(data, AFFINE.copy(), SPACING_MM)


def _member(file: Any, name: str, h5py: Any) -> Any:
    """The array of that name, its bytes inside this file."""
    try:
        links = [file.get("/".join(name.split("/")[: n + 1]), getlink=True) for n in range(name.count("/") + 1)]
        if any(isinstance(link, h5py.ExternalLink) for link in links):
            raise DataFault("read", "external_file")
        array = file.get(name) if name else None
        if not isinstance(array, h5py.Dataset):
            raise DataFault("read", "member_missing", member=name or "(no name given)")
        if array.external or array.is_virtual:
            raise DataFault("read", "external_file")
    except DAMAGE as error:
        raise DataFault("read", "bad_header", format="HDF5") from error
    return array


def _check(array: Any, size: int, max_bytes: int) -> None:
    if array.ndim not in (3, 4) or min(array.shape) < 1:
        raise DataFault("read", "bad_dims", dims=list(array.shape or ()))
    if array.dtype.kind not in "iufb" or array.dtype.itemsize > 8:
        raise DataFault("read", "unsupported_dtype", dtype=str(array.dtype))
    expected = int(np.prod(array.shape, dtype=object)) * array.dtype.itemsize
    if expected > max_bytes:
        raise DataFault("read", "volume_too_large", bytes=expected, limit=max_bytes)
    if expected > size * DEFLATE_LIMIT:
        raise DataFault("read", "dims_exceed_file", expected=expected, size=size)


def _labels(array: Any) -> tuple[np.ndarray, int]:
    """Labels (i, j, k) uint8 of a one-hot (i, j, k, class) array, and the voxels that several classes claim."""
    if array.shape[3] > 255:
        raise DataFault("read", "bad_dims", dims=list(array.shape))
    labels = np.zeros(array.shape[:3], np.uint8)
    overlap = 0
    step = (array.chunks or (16,))[0]
    for start in range(0, array.shape[0], step):
        slab = array[start : start + step]
        present = slab > HALF
        first = (slab.argmax(axis=3) + 1).astype(np.uint8)
        labels[start : start + step] = np.where(present.any(axis=3), first, 0)
        overlap += int(np.count_nonzero(np.count_nonzero(present, axis=3) > 1))
    return labels, overlap
