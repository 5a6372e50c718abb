"""A release of DICOM series: oblique, sagittal and flat ones, with masks of a lesion; and a film with landmarks."""

from dataclasses import dataclass, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from raw_sources import slice_dataset, write_dicom

from medvision.pipelines.run import run_build
from medvision.schemas.dataset import Dataset, LandmarkTask, LesionTask, Measure, Task
from medvision.schemas.options import BuildOptions
from medvision.sources.kits23 import KITS23
from medvision.sources.registry import DATASETS

NAME, FILMS = "OwnCT", "OwnFilms"
SHAPE = (26, 22, 9)
"""Columns, rows, slices."""
SPACING = (0.75, 0.5, 2.5)
"""mm between columns, rows and slices."""
ORIENTATIONS = {
    "case_1": (0.9541666, -0.2080757, 0.2151061, 0.2785886, 0.880128, -0.3843997),  # oblique
    "case_2": (0.0, 1.0, 0.0, 0.0, 0.0, -1.0),  # sagittal
    "case_3": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),  # flat
}
PATIENT = "Own^Secret"
FILM_SHAPE, FILM_MM = (60, 48), 0.1
"""Rows, columns."""
FILM_POINTS = {1: (10, 12), 2: (30, 9), 3: (24, 50), 4: (12, 40)}


@dataclass(frozen=True)
class Own:
    """Raw root of the series, and releases of them by rules."""

    raw: Path
    numbered: Path
    exact: Path

    def files(self, case: str) -> list[Path]:
        return sorted((self.raw / NAME / case / "ct").iterdir())


def table() -> Dataset:
    task = Task(1, "{case}/ct/", "{case}/mask.nii.gz", r"case_\d", {1: "organ", 2: "=tumour"}, "CT", "a CT")
    return replace(
        KITS23,
        name=NAME,
        patient=r"(case_\d)",
        tasks=(task,),
        lesion_tasks=(LesionTask(1, 1, 2),),
        bucket_bits=0,
        known_bad={},
        late_cases={},
        suspect={},
    )


def films() -> Dataset:
    measures = (Measure("A-L_1_2-L_2_3", "angle", (1, 2, 2, 3), 0), Measure("L-1-4", "distance", (1, 4), 0))
    names = {number: f"point {number}" for number in range(1, 20)}
    task = LandmarkTask(
        *(1, "{case}/film.dcm", r"film_\d", {"senior": "{case}/points.txt"}, "isbi_text", names, measures),
        *("X-ray", "a film"),
        spacing_mm=FILM_MM,
    )
    return replace(table(), name=FILMS, patient=r"(film_\d)", tasks=(), lesion_tasks=(), landmark_tasks=(task,))


def frame_affine(case: str) -> np.ndarray:
    """(column, row, slice, 1) to RAS mm, written out from the DICOM attributes."""
    along_row, along_column = (np.array(part) for part in np.split(np.array(ORIENTATIONS[case]), 2))
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = along_row * SPACING[0], along_column * SPACING[1]
    affine[:3, 2] = np.cross(along_row, along_column) * SPACING[2]
    affine[:3, 3] = (12.0, -20.0, 30.0)
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def mask_voxels() -> np.ndarray:
    """A block of an organ with a tilted lesion in it, unlike itself under any flip, and a lesion apart."""
    i, j, k = np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij")
    mask = np.zeros(SHAPE, np.uint8)
    mask[4:19, 3:17, 1:8] = 1
    u, v = (i - 9) * SPACING[0], (j - 8) * SPACING[1]
    mask[((0.8 * u + 0.6 * v) / 4.5) ** 2 + ((0.8 * v - 0.6 * u) / 2.2) ** 2 + ((k - 3) / 2.4) ** 2 < 1] = 2
    mask[20:24, 15:21, 5] = 2
    return mask


def write_series(raw: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 900, (SHAPE[2], SHAPE[1], SHAPE[0])).astype("<i2")
    for case, orientation in ORIENTATIONS.items():
        folder, affine = raw / NAME / case, np.diag([-1, -1, 1, 1]) @ frame_affine(case)
        for number, pixels in enumerate(noise):
            part = slice_dataset(
                *(pixels, affine[:3, 3] + number * affine[:3, 2], orientation),
                PixelSpacing=[SPACING[1], SPACING[0]],
                SOPInstanceUID=f"1.2.3.{case[-1]}.{number}",
                StudyInstanceUID=f"1.2.3.{case[-1]}.100",
                SeriesInstanceUID=f"1.2.3.{case[-1]}.101",
                FrameOfReferenceUID=f"1.2.3.{case[-1]}.102",
                PatientName=PATIENT,
                PatientID="own-77",
                StudyDate="20210304",
                InstanceNumber=SHAPE[2] - number,
            )
            part.file_meta.MediaStorageSOPInstanceUID = part.SOPInstanceUID
            write_dicom(folder / "ct" / f"{(number * 5) % SHAPE[2]}.dcm", part)
        nib.save(nib.Nifti1Image(mask_voxels(), frame_affine(case)), folder / "mask.nii.gz")


def write_film(raw: Path) -> None:
    pixels = np.random.default_rng(4).integers(0, 900, FILM_SHAPE).astype("<i2")
    part = slice_dataset(
        *(pixels, (5.0, 6.0, 7.0), (0.0, -1.0, 0.0, 0.0, 0.0, -1.0)),
        PixelSpacing=[FILM_MM, FILM_MM],
        SliceThickness=FILM_MM,
        SOPInstanceUID="1.2.3.9.1",
        StudyInstanceUID="1.2.3.9.100",
        SeriesInstanceUID="1.2.3.9.101",
    )
    write_dicom(raw / FILMS / "film_1" / "film.dcm", part)
    lines = [f"{x},{y}\n" for x, y in (FILM_POINTS.get(number, (20, 20)) for number in range(1, 20))]
    (raw / FILMS / "film_1" / "points.txt").write_text("".join(lines))


def build_own(home: Path) -> Own:
    """Write the archives and build the releases; no other test ever sees the tables."""
    write_series(home / "raw")
    write_film(home / "raw")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DATASETS, NAME, table())
        patch.setitem(DATASETS, FILMS, films())
        for rules in ("1.4.0", "exact"):
            run_build(BuildOptions(str(home / "raw"), str(home / rules), (NAME, FILMS), rules, formats=("parquet",)))
    return Own(home / "raw", home / "1.4.0", home / "exact")
