"""One DICOM file: its parsed elements, what kind of object it is, and its decoded frames.

pydicom reads and decodes, not GDCM: GDCM parses hostile files in C++, where a fault ends the worker; here only the
JPEG and JPEG 2000 codestreams reach C code, after their stated size was checked. All work is on bytes in memory, so
whatever exception rises is about the file, OSError included.
"""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from medvision.schemas.faults import DataFault

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
DEFLATED = "1.2.840.10008.1.2.1.99"
PREAMBLE_BYTES = 128
CODESTREAM_START = b"\xff\x4f\xff\x51"
"""SOC and SIZ markers of JPEG 2000."""
ONE_CHANNEL = ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
"""Photometric interpretations of one sample a pixel; a label map may have a palette."""
ELEMENTS = (
    *("SOPClassUID", "SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *("SpacingBetweenSlices", "SliceThickness", "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue", "PixelData"),
    *(
        "BurnedInAnnotation",
        "FloatPixelData",
        "DoubleFloatPixelData",
        "ExtendedOffsetTable",
        "ExtendedOffsetTableLengths",
    ),
    *("SegmentationType", "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)
"""All that is read of a file; no name or date of a patient is among them."""


@contextmanager
def damage_is(reason: str, **values: object) -> Iterator[None]:
    """Turns what pydicom raises on a damaged file into a DataFault, and keeps its warnings (they quote elements)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (MemoryError, DataFault):
        raise
    except Exception as error:
        raise DataFault("read", reason, "", **values) from error


def parse_dicom(content: bytes) -> Any:
    """Elements of a file, as a pydicom Dataset with the pixels still packed.

    Raises:
        DataFault: bad_header (also for a file without the DICM mark), unsupported_encoding for a deflated file.
    """
    if content[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] != b"DICM":
        raise DataFault("read", "bad_header", format="DICOM")
    import pydicom
    from pydicom.filereader import read_dataset

    with damage_is("bad_header", format="DICOM"):
        start = io.BytesIO(content)
        start.seek(PREAMBLE_BYTES + 4)
        meta = read_dataset(start, False, True, stop_when=lambda tag, vr, length: tag.group != 2)  # to its end
        if meta.get("TransferSyntaxUID") == DEFLATED:  # pydicom would inflate it without a bound
            raise DataFault("read", "unsupported_encoding", encoding="a deflated data set")
        dataset = pydicom.dcmread(io.BytesIO(content), specific_tags=list(ELEMENTS))
        if "TransferSyntaxUID" not in dataset.file_meta:
            implicit, little = dataset.original_encoding
            if implicit is None or little is None:
                raise DataFault("read", "bad_header", format="DICOM")
            plain = pydicom.uid.ExplicitVRLittleEndian if little else pydicom.uid.ExplicitVRBigEndian
            dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian if implicit else plain
        dataset.buffer = None  # else the whole file stays in memory beside its elements
    return dataset


def kind_of(dataset: Any) -> str:
    """ "image" (a single frame), "segmentation", "RTSTRUCT", or the standard's name of another object.

    Raises:
        DataFault: bad_header for a file that does not say what it is.
    """
    from pydicom.uid import UID

    with damage_is("bad_header", format="DICOM"):
        uid = UID(str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or ""))
        if uid in SEGMENTATIONS:
            return "segmentation"
        if uid == RTSTRUCT:
            return "RTSTRUCT"
        known = uid.name if uid.type == "SOP Class" else ""
        if uid and known and "Image Storage" not in known:
            return str(known)
        if "PixelData" not in dataset or "Rows" not in dataset:
            raise DataFault("read", "bad_header", format="DICOM")  # said to be an image, or nothing at all
        return "image" if int(dataset.get("NumberOfFrames") or 1) == 1 else "multi-frame image"


def check_pixels(dataset: Any, max_bytes: int) -> None:
    """Refuse pixels that cannot be decoded, before memory is taken for them.

    Raises:
        DataFault: dicom_unsupported, bad_dims, truncated, volume_too_large, unsupported_encoding, bad_header.
    """
    from pydicom.pixels.decoders.base import get_decoder

    with damage_is("bad_header", format="DICOM"):
        if int(dataset.SamplesPerPixel) != 1 or str(dataset.PhotometricInterpretation) not in ONE_CHANNEL:
            raise DataFault("read", "dicom_unsupported", kind="colour image")
        if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
            raise DataFault("read", "dicom_unsupported", kind="image of several pixel elements")
        if "ModalityLUTSequence" in dataset:
            raise DataFault("read", "dicom_unsupported", kind="image with a modality lookup table")
        allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
        if not 1 <= stored <= allocated or int(dataset.PixelRepresentation) not in (0, 1):
            raise DataFault("read", "bad_header", format="DICOM")
        rows, columns, frames = int(dataset.Rows), int(dataset.Columns), int(dataset.get("NumberOfFrames") or 1)
        if min(rows, columns, frames) < 1:
            raise DataFault("read", "bad_dims", dims=[columns, rows, frames])
        expected = -(-rows * columns * frames * allocated // 8)
        if rows * columns * frames * max(1, allocated // 8) > max_bytes:
            raise DataFault("read", "volume_too_large", bytes=expected, limit=max_bytes)
        syntax = dataset.file_meta.TransferSyntaxUID
        if dataset["PixelData"].is_undefined_length and not syntax.is_compressed:
            raise DataFault("read", "bad_voxels", format="DICOM")  # packed, whatever the transfer syntax says
        if not syntax.is_compressed:
            got = len(dataset.PixelData or b"")
            if got < expected:
                raise DataFault("read", "truncated", got=got, expected=expected)
            if got * frames >= expected * (frames + 1):  # more frames than are stated: whose they are is not
                raise DataFault("read", "bad_voxels", format="DICOM")
        elif syntax.is_private or not get_decoder(syntax).is_available:
            raise DataFault("read", "unsupported_encoding", encoding=syntax.name if syntax.type else "unknown")
        else:
            _check_codestreams(bytes(dataset.PixelData), rows, columns)


def frames_of(dataset: Any, order: Sequence[int] = (0,)) -> Iterator[np.ndarray]:
    """Stored values of the frames in `order`, each (rows, columns), one in memory at a time. Raises bad_voxels."""
    from pydicom.pixels.utils import iter_pixels

    with damage_is("bad_voxels", format="DICOM"):
        shape = (int(dataset.Rows), int(dataset.Columns))
        if int(dataset.BitsAllocated) == 1 and not dataset.file_meta.TransferSyntaxUID.is_compressed:
            frames = _bit_frames(dataset.PixelData, shape, order)
        else:
            frames = iter_pixels(dataset, raw=True, indices=list(order))
    for _ in order:
        with damage_is("bad_voxels", format="DICOM"):
            frame = next(frames, None)
            if frame is None or frame.shape != shape:
                raise DataFault("read", "bad_voxels", format="DICOM")
        yield frame


def _bit_frames(data: bytes, shape: tuple[int, int], order: Sequence[int]) -> Iterator[np.ndarray]:
    """Frames of single bits, packed without a gap: most start within a byte, where pydicom loses the last pixels."""
    count = shape[0] * shape[1]
    for index in order:
        first, start = divmod(index * count, 8)
        packed = np.frombuffer(data, np.uint8, count=-(-(start + count) // 8), offset=first)
        yield np.unpackbits(packed, bitorder="little")[start : start + count].reshape(shape)


def _check_codestreams(data: bytes, rows: int, columns: int) -> None:
    """JPEG 2000 states its own size, for which its decoder takes memory: it must be that of the header."""
    place = data.find(CODESTREAM_START)
    while place >= 0:
        x1, y1, x0, y0 = struct.unpack_from(">4I", data, place + len(CODESTREAM_START) + 4)
        if (x1 - x0, y1 - y0) != (columns, rows):
            raise DataFault("read", "bad_voxels", format="JPEG 2000")
        place = data.find(CODESTREAM_START, place + 1)
