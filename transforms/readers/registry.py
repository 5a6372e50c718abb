"""Which reader takes a path: by its ending, the longest first; a path that ends in "/" is a DICOM folder."""

from __future__ import annotations

from collections.abc import Callable

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.transforms.readers.dicom import read_dicom
from medvision.transforms.readers.film import read_film
from medvision.transforms.readers.hdf5 import read_hdf5
from medvision.transforms.readers.itk import read_itk
from medvision.transforms.readers.nifti import read_nifti
from medvision.transforms.readers.opened import Opened

Reader = Callable[[Opened], RawVolume]
"""Takes a source and returns its voxels as stored; raises DataFault for what is wrong with the source."""


def _read_plain_nifti(opened: Opened) -> RawVolume:
    with opened.stream() as stream:
        return read_nifti(stream, opened.source.size, compressed=False)


def _read_gzip_nifti(opened: Opened) -> RawVolume:
    with opened.stream() as stream:
        return read_nifti(stream, opened.source.size, compressed=True)


READERS: dict[str, Reader] = {
    ".nii.gz": _read_gzip_nifti,
    ".nii": _read_plain_nifti,
    ".mha": read_itk,
    ".mhd": read_itk,
    ".nrrd": read_itk,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
    ".bmp": read_film,
    ".dcm": read_dicom,
    "/": read_dicom,
}


def find_reader(path: str) -> Reader:
    """The reader of a path, in any letter case. Raises DataFault unsupported_format."""
    lowered = path.lower()
    for suffix in sorted(READERS, key=len, reverse=True):
        if lowered.endswith(suffix):
            return READERS[suffix]
    name = lowered.rsplit("/", 1)[-1]
    raise DataFault("read", "unsupported_format", path, suffix=name[name.find(".") :] if "." in name else name)
