"""Which reader takes a path: by its ending, the longest first; a path that ends in "/" is a DICOM folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from medvision.schemas.faults import DataFault
from medvision.schemas.volume import RawVolume
from medvision.transforms.readers.dicom import read_dicom
from medvision.transforms.readers.film import read_film
from medvision.transforms.readers.hdf5 import read_hdf5
from medvision.transforms.readers.itk import read_itk
from medvision.transforms.readers.nifti import NiftiFile
from medvision.transforms.readers.opened import Opened

Reader = Callable[[Opened], RawVolume]
"""Takes a source and returns its voxels as stored; raises DataFault for what is wrong with the source."""


NIFTI_SUFFIXES = (".nii", ".nii.gz")


def is_nifti(path: str) -> bool:
    return path.lower().endswith(NIFTI_SUFFIXES)


@contextmanager
def open_nifti(opened: Opened, whole: bool = True) -> Iterator[NiftiFile]:
    """A NIfTI source behind its header; with `whole`, the file is hashed to its end on leaving."""
    with opened.stream() if whole else opened.start() as stream:
        yield NiftiFile(stream, opened.source.size, opened.source.path.lower().endswith(".gz"))


def _read_nifti(opened: Opened) -> RawVolume:
    with open_nifti(opened) as file:
        return file.volume()


READERS: dict[str, Reader] = {
    ".nii.gz": _read_nifti,
    ".nii": _read_nifti,
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
