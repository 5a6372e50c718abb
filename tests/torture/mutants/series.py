"""DICOM series and DICOM-SEG, against pydicom alone."""

from collections.abc import Callable
from functools import cache

import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from torture.mutants import any_bytes, any_file
from torture.mutants.attack import (
    AFFINE,
    SHAPE,
    Attack,
    Content,
    Files,
    Folder,
    Link,
    Pipe,
    Rng,
    Way,
    on_bytes,
    sound_voxels,
    table,
)
from torture.mutants.dicom_damage import harmless, lying_meta, nested, odd_element, odd_frame, rewritten
from torture.mutants.dicom_scene import SEG, SERIES, packed, segmentation, series
from torture.mutants.dicom_truth import truth_by_nifti, truth_by_seg


def slices_of(files: Files) -> list[str]:
    return sorted(path for path in files if path.startswith(SERIES))


def wrong_stack(files: Files, rng: Rng) -> tuple[Files, str]:
    """Slices that are missing, doubled, uneven, tilted, of another series, or not even DICOM."""
    paths = slices_of(files)
    path, kind = str(rng.choice(paths)), int(rng.integers(0, 12))
    made = series()
    if kind == 0:
        del files[path]
        return files, "missing slice"
    if kind == 1:
        files[f"{SERIES}again"] = files[path]
        return files, "slice twice"
    if kind == 2:
        shift = rng.choice([0.01, 0.2, 0.3, 1.0, -0.4])
        made[3].ImagePositionPatient[2] += float(shift)
        return {**files, paths[3]: packed(made[3])}, "uneven slices"
    if kind == 3:
        tilt = float(rng.choice([0.001, 0.02, 0.3]))
        for k, part in enumerate(made):
            part.ImagePositionPatient[1] += tilt * k
        return {**files, **{p: packed(part) for p, part in zip(paths, made, strict=True)}}, "gantry tilt"
    if kind == 4:
        other = {f"{SERIES}b{k}": packed(part) for k, part in enumerate(series(SeriesInstanceUID="1.2.3.99"))}
        return {**files, **other}, "mixed series in a folder"
    if kind == 5:
        names = ("notes.txt", "noise", "LICENSE", "report.pdf", ".hidden", "DICOMDIR", "x" * 250, "b\udcff")
        files[f"{SERIES}{names[rng.integers(0, len(names))]}"] = rng.bytes(300)
        return files, "another file beside"
    if kind == 6:
        made[3].PixelSpacing[0] = 0.9
        made[3].Rows, made[3].Columns = (20, 24) if rng.random() < 0.5 else (24, 20)
        return {**files, paths[3]: packed(made[3])}, "unequal slices"
    if kind == 7:
        scales = rng.choice([1, 2, 0.5], 9)
        for part, scale in zip(made, scales, strict=True):
            part.RescaleSlope = float(scale)
        return {**files, **{p: packed(part) for p, part in zip(paths, made, strict=True)}}, "rescaling slice by slice"
    if kind == 8:
        files[f"{SERIES}more"] = Folder()
        return files, "folder beside"
    if kind == 9:
        order = rng.permutation(len(paths))
        kept = [files[p] for p in paths]
        return {**files, **{paths[n]: kept[m] for n, m in enumerate(order)}}, "names in another order"
    content: Content = (Link("nowhere"), Pipe(), Link("../../.."), Link(path.rsplit("/", 1)[-1]))[kind % 4]
    files[path] = content
    return files, "slice a link or a pipe"


def dicomdir(files: Files, rng: Rng) -> tuple[Files, str]:
    """A directory file that names others; nothing of it is read."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = "1.2.840.10008.1.3.10", "1.2.3.5"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    made.SOPClassUID = "1.2.840.10008.1.3.10"
    record = Dataset()
    record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", ["..", "..", "secret.dcm"]
    made.DirectoryRecordSequence = [record]
    files[f"{SERIES}{('DICOMDIR', 'dicomdir', 'index')[rng.integers(0, 3)]}"] = packed(made)
    return files, "DICOMDIR beside"


def on_slice(change: Callable[[bytes, Rng], tuple[bytes, str]]) -> Way:
    def way(files: Files, rng: Rng) -> tuple[Files, str]:
        return on_bytes(change, *slices_of(files))(files, rng)

    return way


def other_segmentation(files: Files, rng: Rng) -> tuple[Files, str]:
    mask = np.roll(sound_voxels()[1], rng.integers(0, 4, 3), (0, 1, 2))
    files[SEG] = _segmentation(mask.tobytes(), "LABELMAP" if rng.random() < 0.5 else "BINARY")
    return files, "written otherwise"


@cache
def _segmentation(mask: bytes, kind: str) -> bytes:
    return segmentation(np.frombuffer(mask, np.uint8).reshape(SHAPE), kind)


def contours(files: Files, rng: Rng) -> tuple[Files, str]:
    made = series()[0]
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    files[SEG] = packed(made)
    return files, "contours as mask"


def attacks() -> list[Attack]:
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    _, mask = sound_voxels()
    slices: Files = {f"{SERIES}{(k * 5) % SHAPE[2]}.dcm": packed(part) for k, part in enumerate(series())}
    nifti = {"case_1/mask.nii": nib.Nifti1Image(mask, AFFINE).to_bytes()}
    changes = (odd_element,) * 8 + (lying_meta, lying_meta, nested, rewritten, rewritten)
    names = tuple(way for way in any_file.ways() if way is not any_file.exchange)
    return [
        Attack(
            "DICOM series",
            table("{case}/ct/", "{case}/mask.nii"),
            {**slices, **nifti},
            (*map(on_slice, any_bytes.CHANGES), *map(on_slice, changes), *(wrong_stack,) * 6, dicomdir, *names),
            truth_by_nifti,
            (on_slice(harmless),),
        ),
        Attack(
            "DICOM-SEG",
            table("{case}/ct/", "{case}/seg/"),
            {**slices, SEG: segmentation(mask)},
            (
                *(on_bytes(change, SEG) for change in any_bytes.CHANGES),
                *(on_bytes(change, SEG) for change in (odd_element, odd_element, lying_meta, nested)),
                *(on_bytes(odd_frame, SEG),) * 6,
                *(other_segmentation, other_segmentation, contours, wrong_stack, dicomdir, *names),
            ),
            truth_by_seg,
            (on_bytes(harmless, SEG),),
        ),
    ]
