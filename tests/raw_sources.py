"""Sources as readers are given them, and DICOM files made element by element."""

from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from medvision.schemas.case import SourceFile
from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume, Volume
from medvision.transforms.geometry import to_ras
from medvision.transforms.readers.opened import Opened
from medvision.transforms.readers.registry import find_reader

LOCAL = fsspec.filesystem("file")
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
SERIES, OTHER_SERIES = "1.2.3.4.5", "1.2.3.4.6"
FLAT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def source_file(root: Path, path: str) -> SourceFile:
    place = root / path
    sizes = [file.stat().st_size for file in place.iterdir()] if path.endswith("/") else [place.stat().st_size]
    return SourceFile(path, sum(sizes), "")


def opened(root: Path, path: str, **options: Any) -> Opened:
    return Opened(LOCAL, str(root), source_file(root, path), **options)


def read(root: Path, path: str, **options: Any) -> RawVolume:
    return find_reader(path)(opened(root, path, **options))


def read_ras(root: Path, path: str, **options: Any) -> Volume:
    return to_ras(read(root, path, **options))


def fault_of(root: Path, path: str, **options: Any) -> DataFault:
    with pytest.raises(DataFault) as caught:
        read(root, path, **options)
    assert caught.value.stage == "read"
    assert caught.value.message
    return caught.value


def reason_of(root: Path, path: str, **options: Any) -> str:
    return fault_of(root, path, **options).reason


def slice_dataset(pixels: np.ndarray, position: Any, orientation: Any = FLAT, **elements: Any) -> FileDataset:
    """One CT slice of 16-bit `pixels` (rows, columns); 0.5 mm between rows, 0.75 mm between columns."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CT_IMAGE
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = CT_IMAGE
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.PatientName = "Do^Not^Tell"
    dataset.SeriesInstanceUID = SERIES
    dataset.ImagePositionPatient = [round(float(value), 6) for value in position]
    dataset.ImageOrientationPatient = [round(float(value), 6) for value in orientation]
    dataset.PixelSpacing = [0.5, 0.75]
    dataset.SliceThickness = 7
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.tobytes()
    for name, value in elements.items():
        setattr(dataset, name, value)
    return dataset


def write_dicom(path: Path, dataset: Dataset) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path
