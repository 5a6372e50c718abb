"""A sound DICOM series and segmentation, as the mutants are made of."""

import io
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from torture.mutants.attack import AFFINE, sound_voxels

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
CT = "1.2.840.10008.5.1.4.1.1.2"
SERIES = "case_1/ct/"
SEG = "case_1/seg/1.dcm"


def series(image: np.ndarray | None = None, **elements: Any) -> list[FileDataset]:
    """A slice an element, from the sound case's voxels (i, j, k)."""
    image = sound_voxels()[0] if image is None else image
    affine = LPS @ AFFINE
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    directions = affine[:3, :3] / lengths
    slices = []
    for k in range(image.shape[2]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CT, f"1.2.3.7.{k}"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        made.SOPClassUID, made.SOPInstanceUID, made.SeriesInstanceUID = CT, f"1.2.3.7.{k}", "1.2.3.8"
        made.StudyInstanceUID, made.FrameOfReferenceUID, made.Modality = "1.2.3", "1.2.4", "CT"
        for name in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
            setattr(made, name, "")
        made.StudyDate = made.StudyTime = made.ReferringPhysicianName = ""
        made.InstanceNumber = image.shape[2] - k
        made.ImagePositionPatient = [float(n) for n in (affine @ [0, 0, k, 1])[:3]]
        made.ImageOrientationPatient = [float(n) for n in (*directions[:, 0], *directions[:, 1])]
        made.PixelSpacing, made.SliceThickness = [float(lengths[1]), float(lengths[0])], 7
        made.Rows, made.Columns = image.shape[1], image.shape[0]
        made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
        made.BitsAllocated = made.BitsStored = 16
        made.HighBit, made.PixelRepresentation = 15, 1
        made.RescaleSlope, made.RescaleIntercept = 2, -1024
        made.PixelData = image[:, :, k].T.astype("<i2").tobytes()
        for name, value in elements.items():
            setattr(made, name, value)
        slices.append(made)
    return slices


def packed(dataset: Dataset) -> bytes:
    held = io.BytesIO()
    pydicom.dcmwrite(held, dataset, enforce_file_format=True)
    return held.getvalue()


def segmentation(mask: np.ndarray, kind: str = "BINARY") -> bytes:
    """As highdicom makes it of both labels of a mask (i, j, k)."""
    import highdicom
    from pydicom.sr.codedict import codes

    manual = highdicom.seg.SegmentAlgorithmTypeValues.MANUAL
    segments = [
        highdicom.seg.SegmentDescription(number, f"part {number}", codes.SCT.Organ, codes.SCT.Liver, manual)
        for number in (1, 2)
    ]
    labels = mask.transpose(2, 1, 0)
    pixels = (
        labels if kind == "LABELMAP" else np.stack([labels == number for number in (1, 2)], axis=3).astype(np.uint8)
    )
    made = highdicom.seg.Segmentation(series(), pixels, kind, segments, "1.2.9.1", 1, "1.2.9.2", 1, "M", "M", "1", "1")
    return packed(made)


# What pydicom reads
