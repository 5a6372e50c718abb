"""The floor: what no build can leave out, by the fastest library calls that were tried. Not to be changed.

Inflate every file (`isal`), encode the same slices (turned by OpenCV, filter "Up" by numpy, deflate by `isal` at
level 1: of PNG encoders within 5 % of the build's size the fastest), write as many bytes as the build does. No
measure, no hash, no check; the slices and the codes of the intensities are known beforehand.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
from isal import igzip, isal_zlib
from steps import Steps

HEADER_BYTES = 348
VOXEL_OFFSET = 352
READ_BYTES = 1 << 20
BLOCK_SLICES = 32


@dataclass(frozen=True)
class FloorImage:
    """An image with the slices to encode.

    Attributes:
        path: .nii.gz whose voxels begin at byte 352.
        shape, dtype: Of its voxels as stored, Fortran order.
        planes: For each of the volume's RAS planes: axis of the stored array, the other two in order of rows and
            columns, and the indices on it.
        low, step: code = (value - low) / step.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    planes: tuple[tuple[int, tuple[int, int], np.ndarray], ...]
    low: float
    step: float


def build(
    masks: list[Path], images: list[FloorImage], pictures: int, total: int, out: Path, with_images: bool, steps: Steps
) -> None:
    """Inflate, encode, write.

    Args:
        pictures: How often each picture is written: once a format.
        total: Bytes that the build writes in all.
    """
    with steps("read mask"):
        for path in masks:
            inflate(path)
    with (out / "bytes").open("wb") as file:
        for image in images:
            with steps("read image"):
                if not with_images:
                    with image.path.open("rb") as raw, igzip.IGzipFile(fileobj=raw) as stream:
                        nib.Nifti1Header(stream.read(HEADER_BYTES), check=False)
                    continue
                content = inflate(image.path)
            with steps("encode"):
                encoded = list(_pictures(content, image))
            with steps("write"):
                for picture in encoded:
                    for _ in range(pictures):
                        file.write(picture)
        with steps("write"):
            file.write(bytes(max(0, total - file.tell())))


def inflate(path: Path) -> np.ndarray:
    """All bytes of a gzip file."""
    with path.open("rb") as raw:
        raw.seek(-4, 2)
        size = int.from_bytes(raw.read(4), "little")
        raw.seek(0)
        content, done = np.empty(size, np.uint8), 0
        with igzip.IGzipFile(fileobj=raw) as stream:
            while part := stream.read(READ_BYTES):
                content.data[done : done + len(part)] = part
                done += len(part)
    return content


def _pictures(content: np.ndarray, image: FloorImage) -> Iterator[bytes]:
    stack = content[VOXEL_OFFSET:].view(image.dtype).reshape(image.shape[::-1])  # the file's axes 2, 1, 0
    if image.step == 1.0 and image.dtype.kind in "iu" and image.dtype.itemsize == 2:
        codes = np.subtract(stack, int(image.low), dtype=image.dtype).view(np.uint16).byteswap()
    else:
        codes = (
            np.rint((stack - image.dtype.type(image.low)) / image.dtype.type(image.step)).astype(">u2").view(np.uint16)
        )
    for axis, (rows, columns), indices in image.planes:
        for shown in _slices(codes, axis, indices):  # the other two axes, the file's last first
            yield _png(np.ascontiguousarray(shown) if rows > columns else cv2.transpose(np.ascontiguousarray(shown)))


def _slices(codes: np.ndarray, axis: int, indices: np.ndarray) -> Iterator[np.ndarray]:
    if axis > 0:
        yield from (codes[index] if axis == 2 else codes[:, index] for index in indices)
        return
    for start in range(int(indices[0]), int(indices[-1]) + 1, BLOCK_SLICES):
        block = np.ascontiguousarray(codes[:, :, start : start + BLOCK_SLICES])
        turned = cv2.transpose(block.reshape(-1, block.shape[2])).reshape(block.shape[2], *codes.shape[:2])
        yield from turned[indices[(indices >= start) & (indices < start + BLOCK_SLICES)] - start]


def _png(codes: np.ndarray) -> bytes:
    rows = codes.view(np.uint8)
    filtered = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", codes.shape[1], codes.shape[0], 16, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", isal_zlib.compress(filtered, 1)), (b"IEND", b""))
    chunks = [b"\x89PNG\r\n\x1a\n"]
    for name, data in parts:
        chunks += [
            struct.pack(">I", len(data)),
            name,
            data,
            struct.pack(">I", isal_zlib.crc32(data, isal_zlib.crc32(name))),
        ]
    return b"".join(chunks)
