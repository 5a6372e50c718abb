"""The baseline that the first release was like: library calls, a slice and a label at a time. Not to be changed.

It reads with nibabel, finds boxes with np.where, components with scipy, axes with cv2.fitEllipse, writes PNG with
PIL, and holds a dictionary a row. What it computes is less than the build does, and not quite the same.
"""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import cv2
import nibabel as nib
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from scipy import ndimage
from steps import Steps

from medvision.schemas.case import Case
from medvision.schemas.dataset import Dataset


def build(cases: list[Case], dataset: Dataset, folder: Path, out: Path, images: bool, steps: Steps) -> None:
    """Write data.parquet and slices.tar of all labelled slices on three planes."""
    rows: list[dict[str, Any]] = []
    for case in cases:
        with steps("read mask"):
            mask = _mask(case, folder)
        for image in case.images:
            with steps("read image"):
                loaded = nib.as_closest_canonical(nib.load(folder / image.file.path))
                values = loaded.get_fdata() if images else None
            spacing_mm = loaded.header.get_zooms()[:3]
            lesions = {lesion.target for lesion in dataset.lesion_tasks if lesion.task == image.task}
            for axis in range(3):
                for index in range(mask.shape[axis]):
                    row = _row(mask[_at(axis, index)], axis, index, spacing_mm, lesions, steps)
                    if row is None:
                        continue
                    row |= {"case_id": case.case_id, "task": image.task}
                    if values is not None:
                        with steps("encode"):
                            row["image"] = _png(values[_at(axis, index)])
                    rows.append(row)
    with steps("write"):
        pq.write_table(pa.Table.from_pylist(rows), out / "data.parquet", row_group_size=100, compression="zstd")
        with tarfile.open(out / "slices.tar", "w") as tar:
            for row in rows:
                name = f"{row['case_id'].replace('/', '-')}-{row['task']}-{row['plane']}-{row['slice_idx']:04d}"
                png = row.pop("image", None)
                _add(tar, f"{name}.json", json.dumps(row).encode())
                if png is not None:
                    _add(tar, f"{name}.png", png)


def _at(axis: int, index: int) -> tuple[Any, ...]:
    """Of one slice; `np.take` would copy the whole volume for each."""
    return tuple(index if place == axis else slice(None) for place in range(3))


def _mask(case: Case, folder: Path) -> np.ndarray:
    if not case.mask_labels:
        return nib.as_closest_canonical(nib.load(folder / case.masks[0].path)).get_fdata().astype(np.uint16)
    merged = None
    for label, file in zip(case.mask_labels, case.masks, strict=True):
        part = nib.as_closest_canonical(nib.load(folder / file.path)).get_fdata() > 0.5
        merged = np.zeros(part.shape, np.uint16) if merged is None else merged
        merged[part & (merged == 0)] = label
    assert merged is not None
    return merged


def _row(
    shown: np.ndarray, axis: int, index: int, spacing_mm: Any, lesions: set[int], steps: Steps
) -> dict[str, Any] | None:
    with steps("boxes"):
        labels = [int(value) for value in np.unique(shown) if value]
        if not labels:
            return None
        pixel_mm = [float(mm) for place, mm in enumerate(spacing_mm) if place != axis]
        segments = []
        for label in labels:
            rows, columns = np.where(shown == label)
            numbered, count = ndimage.label(shown == label)
            boxes = []
            for number in range(1, count + 1):
                r, c = np.where(numbered == number)
                low, high = [int(r.min()), int(c.min())], [int(r.max()), int(c.max())]
                size_mm = [(b - a + 1) * mm for a, b, mm in zip(low, high, pixel_mm, strict=True)]
                boxes.append({"min": low, "max": high, "size_mm": size_mm, "pixels": len(r)})
            area = len(rows) * pixel_mm[0] * pixel_mm[1]
            box = [int(rows.min()), int(columns.min()), int(rows.max()), int(columns.max())]
            segments.append({"label": label, "pixels": len(rows), "area": area, "box": box, "boxes": boxes})
    with steps("lesions"):
        for segment in segments:
            segment["ellipses"] = _ellipses(shown, segment["label"], pixel_mm) if segment["label"] in lesions else []
    plane = ("sagittal", "coronal", "axial")[axis]
    return {"plane": plane, "slice_idx": index, "spacing": pixel_mm, "segments": segments}


def _ellipses(shown: np.ndarray, label: int, pixel_mm: list[float]) -> list[list[float]]:
    outlines, _ = cv2.findContours((shown == label).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    fits = [cv2.fitEllipse(outline) for outline in outlines if len(outline) >= 5]
    mean_mm = sum(pixel_mm) / 2
    return [[max(axes) * mean_mm, min(axes) * mean_mm] for _, axes, _ in fits]


def _png(values: np.ndarray) -> bytes:
    low, high = values.min(), values.max()
    scale = 1.0 if high - low <= 65535 else 65535 / (high - low)
    out = io.BytesIO()
    Image.fromarray(np.rint((values - low) * scale).astype(np.uint16)).save(out, "PNG")
    return out.getvalue()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))
