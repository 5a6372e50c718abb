"""Resample an image onto its own grid through an ITK transform, as upstream makes its realigned fetal images."""

from __future__ import annotations

import math
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.transforms.geometry import to_ras

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""ITK counts millimetres to the Left and Posterior, NIfTI to the Right and Anterior; the matrix is its own inverse."""
LARGEST_TRANSFORM = 1 << 16
SMALLEST_DETERMINANT = 1e-6
"""Smallest change of volume; a realignment is rigid, so its own is 1."""
KNOWN = {
    "Euler3DTransform": (6, {3, 4}),
    "VersorRigid3DTransform": (6, {3}),
    "Similarity3DTransform": (7, {3}),
    "AffineTransform": (12, {3}),
    "MatrixOffsetTransformBase": (12, {3}),
    "TranslationTransform": (3, {0}),
}
"""Number of parameters, and numbers of fixed ones: from a list that is too short ITK reads beyond its memory."""
WRAPPER = "CompositeTransform"


class Realignment:
    """An ITK transform from points of the realigned space to points of the native one."""

    def __init__(self, text: bytes) -> None:
        """Raises DataFault bad_transform."""
        import SimpleITK as sitk  # noqa: N813

        parameters = _parameters(text) if len(text) <= LARGEST_TRANSFORM else []
        if not parameters:
            raise DataFault("landmarks", "bad_transform")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "transform.txt"
            path.write_bytes(text)
            try:
                self._transform: Any = sitk.ReadTransform(str(path))
            except RuntimeError as error:
                raise DataFault("landmarks", "bad_transform") from error
        if parameters != list(self._transform.GetParameters()) or not self._is_invertible():
            raise DataFault("landmarks", "bad_transform")

    def resample(self, raw: RawVolume) -> RawVolume:
        """Linear interpolation of the image on its own grid; 0 outside. Values come back as float32, scaled.

        Raises:
            DataFault: bad_affine, bad_spacing, bad_dims.
        """
        import SimpleITK as sitk  # noqa: N813

        to_ras(raw)  # for its faults: ITK has errors of its own for such images
        stored = raw.data.reshape(raw.data.shape[:3])
        values = stored.astype(np.float32) * np.float32(raw.slope) + np.float32(raw.intercept)
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

    def _is_invertible(self) -> bool:
        """Whether four corners of a cube do not fall into one plane."""
        corners = np.array([self._transform.TransformPoint(corner) for corner in np.eye(4, 3).tolist()])
        edges = corners[:3] - corners[3]
        return bool(np.isfinite(edges).all() and abs(np.linalg.det(edges)) > SMALLEST_DETERMINANT)


def _parameters(text: bytes) -> list[float]:
    """Parameters of a file that holds one known transform with as many finite numbers as it takes; else none."""
    try:
        lines = [line.partition(":") for line in text.decode("ascii").splitlines() if not line.startswith("#")]
        found = {key: [v.split() for k, _, v in lines if k == key] for key in ("Parameters", "FixedParameters")}
        ((parameters,), (fixed,)) = ([[float(n) for n in v] for v in values] for values in found.values())
    except ValueError:
        return []
    kinds = [value.strip() for key, _, value in lines if key == "Transform" and not value.strip().startswith(WRAPPER)]
    named = re.fullmatch(r"(\w+?)_(?:double|float)_3_3", kinds[0]) if len(kinds) == 1 else None
    count, fixed_counts = KNOWN.get(named[1] if named else "", (0, set()))
    sound = len(parameters) == count and len(fixed) in fixed_counts and all(map(math.isfinite, [*parameters, *fixed]))
    return parameters if sound else []
