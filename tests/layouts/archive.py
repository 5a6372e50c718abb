"""A raw archive in the making: files as they are written, and the truth about the cases in them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from phantom import APPLE_DOUBLE, MR, Index3, Look, Scan, Triple, random_of, stored, write_bytes, write_nifti


@dataclass(frozen=True)
class CaseTruth:
    """A case with a mask.

    Attributes:
        case_id, patient: As the build must name them.
        names: Task number to upstream's basename of the image.
        scan: Geometry and content; without solids the mask is empty and the case yields no rows.
        flags: Flags that all its rows must carry.
        overlap_voxels: Voxels that two class files claim.
    """

    case_id: str
    patient: str
    names: dict[int, str]
    scan: Scan
    flags: frozenset[str] = frozenset()
    overlap_voxels: int = 0


@dataclass(frozen=True)
class Value:
    """One measure between landmarks as a build must give it."""

    source: str
    definition: str
    key: str
    slice_dim: int
    slice_idx: int
    value: float


@dataclass(frozen=True)
class LandmarkTruth:
    """A case of landmarks. `values` are those under numbered rules, `values_exact` those under `exact`."""

    case_id: str
    patient: str
    names: dict[int, str]
    shape_ras: Index3
    spacing_mm: Triple
    axes: str
    values: tuple[Value, ...]
    values_exact: tuple[Value, ...] = ()
    native_mm: dict[int, Triple] = field(default_factory=dict)
    excluded_upstream: bool = False


@dataclass
class Truth:
    """What a build of one dataset must find.

    Attributes:
        cases: Cases with masks, as matched (and labelled, where empty ones are dropped first).
        landmarks: Cases of landmarks.
        dead: (case id, task, reason) of the dead letters under numbered rules.
        dead_exact: The same under `exact`, where it differs.
    """

    cases: list[CaseTruth] = field(default_factory=list)
    landmarks: list[LandmarkTruth] = field(default_factory=list)
    dead: list[tuple[str, int, str]] = field(default_factory=list)
    dead_exact: list[tuple[str, int, str]] | None = None


class Archive:
    """Writes below `folder`; with None it only records the truth."""

    def __init__(self, folder: Path | None, cases: int, seed: int) -> None:
        self.folder, self.cases, self.seed = folder, cases, seed
        self.truth = Truth()
        self.written: list[Path] = []

    def random(self, name: str) -> np.random.Generator:
        return random_of(self.seed, name)

    def fill(self, template: Scan, index: int, name: str, labels: Sequence[int], **options: object) -> Scan:
        """The template's scan of case `index` with its solids."""
        return template.step(index).filled(labels, self.random(f"{name} solids"), **options)  # type: ignore[arg-type]

    def case(
        self,
        case_id: str,
        patient: str,
        names: dict[int, str],
        scan: Scan,
        flags: Sequence[str] = (),
        overlap_voxels: int = 0,
    ) -> None:
        self.truth.cases.append(CaseTruth(case_id, patient, names, scan, frozenset(flags), overlap_voxels))

    def dead(self, case_id: str, reason: str, task: int = 0) -> None:
        self.truth.dead.append((case_id, task, reason))

    def file(self, path: str, content: bytes | str) -> None:
        if self.folder is not None:
            data = content.encode() if isinstance(content, str) else content
            self.written.append(write_bytes(self.folder / path, data))

    def apple_double(self, path: str) -> None:
        self.file(path, APPLE_DOUBLE)

    def image(self, path: str, scan: Scan, look: Look = MR, dtype: str = "int16", **codes: object) -> None:
        if self.folder is not None:
            self.nifti(path, scan.image(self.random(path), look, dtype), scan, **codes)

    def mask(self, path: str, scan: Scan, dtype: str = "uint8", **codes: object) -> None:
        if self.folder is not None:
            self.nifti(path, scan.labels(dtype), scan, **codes)

    def nifti(self, path: str, array_ras: np.ndarray, scan: Scan, **codes: object) -> None:
        """A RAS+ array in the scan's stored axes; `affine=` and `zooms_mm=` replace the scan's own."""
        if self.folder is not None:
            affine = codes.pop("affine", scan.affine)
            target = self.folder / path
            self.written.append(write_nifti(target, stored(array_ras, scan.axes), affine, **codes))  # type: ignore
