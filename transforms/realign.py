"""Resample an image onto its own grid through an ITK transform, as upstream makes its realigned fetal images."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""ITK counts millimetres to the Left and Posterior, NIfTI to the Right and Anterior; the matrix is its own inverse."""
LARGEST_TRANSFORM = 1 << 16
KNOWN = (
    "Euler3DTransform",
    "VersorRigid3DTransform",
    "Similarity3DTransform",
    "AffineTransform",
    "TranslationTransform",
)


class Realignment:
    """An ITK transform from points of the realigned space to points of the native one."""

    def __init__(self, text: bytes) -> None:
        """Raises DataFault bad_transform."""
        import SimpleITK as sitk  # noqa: N813

        if len(text) > LARGEST_TRANSFORM or not any(b"Transform: " + name.encode() in text for name in KNOWN):
            raise DataFault("landmarks", "bad_transform")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "transform.txt"
            path.write_bytes(text)
            try:
                self._transform: Any = sitk.ReadTransform(str(path))
            except RuntimeError as error:
                raise DataFault("landmarks", "bad_transform") from error
        if _parameters(text) != list(self._transform.GetParameters()):  # ITK fills in what it cannot read
            raise DataFault("landmarks", "bad_transform")

    def resample(self, raw: RawVolume) -> RawVolume:
        """Linear interpolation of the image on its own grid; 0 outside. Values come back as float32, scaled."""
        import SimpleITK as sitk  # noqa: N813

        values = raw.data.astype(np.float32) * np.float32(raw.slope) + np.float32(raw.intercept)
        image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0)))
        lps = LPS @ raw.affine
        spacing = np.sqrt((lps[:3, :3] ** 2).sum(axis=0))
        image.SetSpacing([float(s) for s in spacing])
        image.SetOrigin([float(o) for o in lps[:3, 3]])
        image.SetDirection([float(d) for d in (lps[:3, :3] / spacing).reshape(-1)])
        turned = sitk.Resample(image, image, self._transform, sitk.sitkLinear, 0.0)
        data = sitk.GetArrayFromImage(turned).transpose(2, 1, 0)
        return RawVolume(data, raw.affine, raw.zooms_mm)

    def to_native_mm(self, world_mm: tuple[float, float, float]) -> tuple[float, float, float]:
        """RAS mm in the realigned space to RAS mm in the native one."""
        x, y, z = self._transform.TransformPoint((-world_mm[0], -world_mm[1], world_mm[2]))
        return -float(x), -float(y), float(z)


def _parameters(text: bytes) -> list[float]:
    """Numbers of the transform's only line of parameters; none where it is damaged."""
    lines = [line for line in text.splitlines() if line.startswith(b"Parameters:")]
    try:
        return [float(number) for number in lines[0].split()[1:]] if len(lines) == 1 else []
    except ValueError:
        return []
