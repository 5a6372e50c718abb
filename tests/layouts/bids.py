"""Trees in the manner of BIDS: subject folders, suffixes, derivatives (FeTA24, ISLES24)."""

import math
from dataclasses import dataclass

import numpy as np
from phantom import MR, Index3, Scan, Triple

from layouts.archive import Archive, LandmarkTruth, Value

NAMES = ("LCC", "HV", "bBIP", "sBIP", "TCD")
KEYS = ("L-1-2", "L-3-4", "L-5-6", "L-7-8", "L-9-10")
SLICE_DIMS = (0, 0, 2, 2, 1)
LARGER_AXES = (1, 2, 0, 0, 0)
ENDS: tuple[tuple[Index3, Index3], ...] = (
    ((20, 36, 22), (20, 14, 25)),
    ((22, 18, 16), (22, 15, 9)),
    ((36, 25, 24), (8, 26, 24)),
    ((39, 25, 26), (5, 26, 26)),
    ((30, 16, 10), (13, 16, 12)),
)
"""Both points of each measure in voxels, the one with the larger index on its axis first."""
WITHOUT, EXCLUDED, EXCHANGED = "sub-004_rec-mial", "sub-005_rec-mial", 1
"""A subject without biometry, one that upstream drops (no sBIP), and which case has labels 1 and 2 exchanged."""


@dataclass(frozen=True)
class Rigid:
    """From realigned to native points in LPS mm: a turn about the third axis around a centre, then a shift."""

    turn_deg: float
    center: Triple
    shift: Triple

    @property
    def matrix(self) -> np.ndarray:
        cos, sin = math.cos(math.radians(self.turn_deg)), math.sin(math.radians(self.turn_deg))
        return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])

    def text(self) -> str:
        numbers = " ".join(repr(float(v)) for v in (*self.matrix.ravel(), *self.shift))
        center = " ".join(map(str, self.center))
        kind = "AffineTransform_double_3_3"
        lines = ("#Insight Transform File V1.0", "#Transform 0", f"Transform: {kind}")
        return "\n".join([*lines, f"Parameters: {numbers}", f"FixedParameters: {center}", ""])

    def native_ras(self, world_ras: np.ndarray) -> Triple:
        lps = world_ras * (-1, -1, 1)
        moved = self.matrix @ (lps - self.center) + self.center + self.shift
        x, y, z = (moved * (-1, -1, 1)).tolist()
        return x, y, z


def write_feta24(archive: Archive) -> None:
    """Tissue of native images; landmark masks in a realigned space with the transforms that lead there."""
    template = Scan((45, 52, 39), (0.5, 0.5, 0.5))
    subjects = [f"sub-{number:03d}_rec-{'mial' if number < 41 else 'irtk'}" for number in (1, 2, 41)]
    subjects = [*subjects[: archive.cases], *(f"sub-{40 + n:03d}_rec-irtk" for n in range(3, archive.cases))]
    table = ["\t".join(("", *NAMES))]
    for index, case in enumerate([*subjects, WITHOUT, EXCLUDED]):
        subject = case.split("_")[0]
        scan = archive.fill(template, index, case, range(1, 8))
        anat = f"feta_2.3/{subject}/anat/{case}"
        archive.image(f"{anat}_T2w.nii.gz", scan, MR, "float32")
        archive.mask(f"{anat}_dseg.nii.gz", scan)
        names = {1: f"{case}_T2w.nii.gz"}
        archive.case(case, subject, names, scan)
        if case == WITHOUT:
            archive.dead(f"realigned/{case}", "landmarks_missing", 1)
            continue
        ends = {k: tuple(np.array(ENDS[k]) + index % 3) for k in range(5) if case != EXCLUDED or NAMES[k] != "sBIP"}
        exchanged = index == EXCHANGED
        labels = dict(zip(ends, (1, 0, *list(ends)[2:]) if exchanged else ends, strict=True))  # measure to mask label
        move = Rigid(3.0 + index, (1.0, -2.0, 0.5), (1.5, -0.8, 0.6))
        _biometry_files(archive, subject, case, scan, {labels[k] + 1: points for k, points in ends.items()}, move)
        lengths = {k: float(np.linalg.norm((p[0] - p[1]) * scan.spacing_mm)) for k, p in ends.items()}
        table.append("\t".join([subject, *(f"{lengths[k]:.4f}" if k in lengths else "nan" for k in range(5))]))
        archive.truth.landmarks.append(
            LandmarkTruth(
                case_id=f"realigned/{case}",
                patient=subject,
                names=names,
                shape_ras=scan.shape_ras,
                spacing_mm=scan.spacing_mm,
                axes=scan.axes,
                values=_values({labels[k]: (ends[k], lengths[k]) for k in ends}),
                values_exact=_values({k: (ends[k], lengths[k]) for k in ends}),
                native_mm={
                    2 * label + 1 + place: move.native_ras(_world(point, scan))
                    for k, label in labels.items()
                    for place, point in enumerate(_in_order(ends[k], label))
                },
                excluded_upstream=case == EXCLUDED,
            )
        )
    archive.file("feta_2.3/derivatives/biometry/biometry.tsv", "\n".join(table) + "\n")
    archive.file(
        "feta_2.3/participants.tsv", "participant_id\tPathology\tGestational age\nsub-001\tNeurotypical\t27.9\n"
    )
    archive.truth.dead_exact = list(archive.truth.dead)
    archive.dead(f"realigned/{EXCLUDED}", "excluded_upstream")


def _biometry_files(
    archive: Archive, subject: str, case: str, scan: Scan, marked: dict[int, tuple[np.ndarray, ...]], move: Rigid
) -> None:
    """Two voxels a label, and the transform."""
    marks = np.zeros(scan.shape_ras, np.uint8)
    for label, points in marked.items():
        for point in points:
            marks[tuple(point)] = label
    home = f"feta_2.3/derivatives/biometry/{subject}/anat/{case}"
    archive.nifti(f"{home}_meas.nii.gz", marks, scan)
    archive.file(f"{home}_trf.txt", move.text())


def _values(measured: dict[int, tuple[tuple[np.ndarray, ...], float]]) -> tuple[Value, ...]:
    """Values by measure: its two points and their distance."""
    return tuple(
        Value("biometry", definition, KEYS[k], SLICE_DIMS[k], int(_in_order(points, k)[0][SLICE_DIMS[k]]), length)
        for k, (points, length) in sorted(measured.items())
        for definition in ("upstream", "exact")
    )


def _in_order(points: tuple[np.ndarray, ...], measure: int) -> list[np.ndarray]:
    return sorted(points, key=lambda point: -point[LARGER_AXES[measure]])


def _world(point: np.ndarray, scan: Scan) -> np.ndarray:
    return (point - (np.array(scan.shape_ras) - 1) / 2) * scan.spacing_mm


def write_isles24(archive: Archive) -> None:
    """Two maps a mask in the follow-up session; other masks in the first; a stray mask in native space."""
    template = Scan((57, 60, 24), (0.45, 0.45, 2.0), axes="LPS")
    for index in range(archive.cases):
        subject = f"sub-stroke{(1, 4, 142)[index] if index < 3 else 20 + index:04d}"
        number = subject.removeprefix("sub-stroke")
        stem = f"{subject}_ses-02_space-ncct"
        scan = archive.fill(template, index, stem, (1,), lesions=(1,))
        home = f"train/derivatives/{subject}"
        for name in ("adc", "dwi"):
            archive.image(f"{home}/ses-02/{stem}_{name}.nii.gz", scan, MR, "float32")
        archive.mask(f"{home}/ses-02/{stem}_lesion-msk.nii.gz", scan)
        archive.case(stem, number, {1: f"{stem}_adc.nii.gz", 2: f"{stem}_dwi.nii.gz"}, scan)
        first = f"{home}/ses-01/{subject}_ses-01_space-ncct"
        archive.mask(f"{first}_lvo-msk.nii.gz", scan)
        archive.mask(f"{first}_cow-msk.nii.gz", scan)
        archive.mask(f"{home}/ses-01/perfusion-maps/{subject}_ses-01_space-ncct_tmax.nii.gz", scan, "float32")
        archive.mask(f"train/raw_data/{subject}/ses-01/{subject}_ses-01_ncct.nii.gz", scan, "int16")
        if number == "0142":
            archive.mask(f"{home}/ses-02/{subject}_ses-02_lesion-msk.nii", Scan((9, 8, 7), (2.0, 2.0, 5.0)))
    archive.file("train/clinical_data-description.xlsx", b"PK\x05\x06" + bytes(18))
