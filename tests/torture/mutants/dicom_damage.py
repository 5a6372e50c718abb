"""Damage inside of one DICOM file."""

import io
import struct

import numpy as np
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
from torture.mutants.attack import Rng
from torture.mutants.dicom_scene import packed

PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
SYNTAXES = (
    *PLAIN,
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.100",
    "1.2.3.4",
    "",
)


def set_raw(dataset: Dataset, name: str, vr: str, value: bytes | None) -> None:
    """Put bytes as an element's value, or take the element out, without a look at what they mean."""
    tag = Tag(name)
    dataset.pop(tag, None)
    if value is not None:
        value += b"\0" * (len(value) % 2) if vr in ("UI", "OW", "US") else b" " * (len(value) % 2)
        dataset._dict[tag] = RawDataElement(tag, vr, len(value), value, 0, False, True)


def us(*values: int) -> list[bytes]:
    return [struct.pack("<H", value) for value in values]


ODD: tuple[tuple[str, str, list[bytes]], ...] = (
    ("Rows", "US", [*us(0, 1, 19, 21, 65535), b"", b"\x14"]),
    ("Columns", "US", [*us(0, 1, 23, 25, 65535), b"\x18\0\x18\0"]),
    ("BitsAllocated", "US", us(0, 1, 8, 12, 24, 32, 64, 65535)),
    ("BitsStored", "US", us(0, 1, 12, 15, 17)),
    ("HighBit", "US", us(0, 7, 11, 16)),
    ("PixelRepresentation", "US", us(0, 2, 65535)),
    ("SamplesPerPixel", "US", us(0, 2, 3, 4)),
    ("PlanarConfiguration", "US", us(0, 1, 2)),
    ("NumberOfFrames", "IS", [b"0", b"1", b"2", b"-1", b"9999999", b"x", b"1.5", b"1\\2"]),
    ("PhotometricInterpretation", "CS", [b"MONOCHROME1", b"PALETTE COLOR", b"RGB", b"YBR_FULL", b"", b"WHAT"]),
    ("ImagePositionPatient", "DS", [b"nan\\0\\0", b"1e30\\0\\0", b"1\\2", b"", b"a\\b\\c", b"0\\0\\0", b"1" * 5000]),
    (
        "ImageOrientationPatient",
        "DS",
        [b"0\\0\\0\\0\\0\\0", b"1\\0\\0\\1\\0\\0", b"nan\\0\\0\\0\\1\\0", b"0\\1\\0\\1\\0\\0", b"1\\0"],
    ),
    ("PixelSpacing", "DS", [b"0\\0", b"-1\\1", b"nan\\1", b"1", b"1e30\\1", b"inf\\1", b"", b"1.25\\0.8\\1"]),
    ("RescaleSlope", "DS", [b"0", b"nan", b"-2", b"1e30", b"", b"x", b"1\\2", b"0.5"]),
    ("RescaleIntercept", "DS", [b"nan", b"inf", b"", b"x", b"1e30", b"-1024.5"]),
    (
        "SOPClassUID",
        "UI",
        [b"", b"1.2.840.10008.5.1.4.1.1.4", b"1.2.840.10008.5.1.4.1.1.66.4", b"1.2.840.10008.1.3.10", b"9" * 64],
    ),
    ("SeriesInstanceUID", "UI", [b"", b"1.2.3.9", b"x" * 300]),
    ("PixelData", "OW", [b"", bytes(10), bytes(959), bytes(962), bytes(5000)]),
    ("ModalityLUTSequence", "SQ", [b"", b"\xfe\xff\x00\xe0\0\0\0\0"]),
    ("SpecificCharacterSet", "CS", [b"", b"ISO_IR 999", b"\\\\", b"ISO 2022 IR 149\\x"]),
    ("FloatPixelData", "OF", [bytes(4 * 480)]),
    ("PatientName", "PN", [b"\xff\xfe=\xe9=^^^^^", b"x" * 70000]),
)


def odd_element(content: bytes, rng: Rng) -> tuple[bytes, str]:
    name, vr, values = ODD[rng.integers(0, len(ODD))]
    dataset = pydicom.dcmread(io.BytesIO(content))
    value = None if rng.random() < 0.15 else values[rng.integers(0, len(values))]
    set_raw(dataset, name, vr, value)
    return packed_loosely(dataset), f"odd {name}" if value is not None else f"no {name}"


def packed_loosely(dataset: Dataset) -> bytes:
    held = io.BytesIO()
    dataset.save_as(held, enforce_file_format=False)
    return held.getvalue()


def lying_meta(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """Another transfer syntax than the file's own, or none, or no File Meta at all."""
    start = content.index(b"\x02\x00\x10\x00UI")
    (length,) = struct.unpack_from("<H", content, start + 6)
    end, kind = start + 8 + length, int(rng.integers(0, 6))
    if kind == 0:
        return content[:start] + content[end:], "no transfer syntax"
    if kind == 1:
        return content[132:], "no DICM mark"
    if kind == 2:
        body = content[end:]
        return content[:132] + body, "no File Meta"
    if kind == 3:
        return content[:140] + struct.pack("<I", int(rng.choice([0, 5, 2**31, 2**32 - 1]))) + content[
            144:
        ], "lying group length"
    syntax = str(SYNTAXES[rng.integers(0, len(SYNTAXES))]).encode()
    syntax += b"\0" * (len(syntax) % 2)
    return content[: start + 6] + struct.pack("<H", len(syntax)) + syntax + content[end:], "lying transfer syntax"


def nested(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """Sequences in sequences, closed or not, in a standard, a private or an unknown element."""
    depth = int(rng.choice([2, 30, 300, 3000, 20000]))
    tag = (b"\x08\x00\x40\x11", b"\x09\x00\x10\x10", b"\x28\x00\x00\x30", b"\x00\x54\x00\x01")[rng.integers(0, 4)]
    vr = (b"SQ", b"UN")[rng.integers(0, 2)]
    opening = tag + vr + b"\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closing = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    whole = opening * depth + (closing * depth if rng.random() < 0.7 else b"")
    place = content.index(b"\x08\x00\x16\x00UI") if rng.random() < 0.7 else len(content)
    return content[:place] + whole + content[place:], "deep sequences"


def rewritten(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """The same slice in another transfer syntax; packed pixels damaged half the time."""
    dataset = pydicom.dcmread(io.BytesIO(content))
    kind = int(rng.integers(0, 4))
    if kind == 3:
        dataset.compress(RLELossless)
        content = packed(dataset)
        if rng.random() < 0.5:
            start = content.index(b"\xe0\x7f\x10\x00")
            place = int(rng.integers(start, len(content)))
            return content[:place] + rng.bytes(1) + content[place + 1 :], "damaged RLE"
        return content, "written otherwise"
    held, syntax = io.BytesIO(), PLAIN[kind]
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = syntax
    implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    pydicom.dcmwrite(held, dataset, enforce_file_format=True, implicit_vr=implicit, little_endian=little)
    return held.getvalue(), "written otherwise"


def odd_frame(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """A frame of a segmentation elsewhere, of another segment, or without its groups."""
    made, kind = pydicom.dcmread(io.BytesIO(content)), int(rng.integers(0, 9))
    frames = made.PerFrameFunctionalGroupsSequence
    frame = frames[int(rng.integers(0, len(frames)))]
    if kind == 0:
        frame.PlanePositionSequence[0].ImagePositionPatient[int(rng.integers(0, 3))] += float(
            rng.choice([0.01, 0.3, 2.5, 500.0])
        )
    elif kind == 1:
        set_raw(
            frame.PlanePositionSequence[0],
            "ImagePositionPatient",
            "DS",
            (b"nan\\0\\0", b"1\\2", b"")[rng.integers(0, 3)],
        )
    elif kind == 2:
        number = int(rng.choice([0, 1, 2, 3, 255, 256, 65535]))
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = number
    elif kind == 3:
        name = ("PlanePositionSequence", "SegmentIdentificationSequence", "FrameContentSequence")[rng.integers(0, 3)]
        delattr(frame, name)
    elif kind == 4:
        frames.pop()
    elif kind == 5:
        frames.append(frames[0])
    elif kind == 6:
        made.SegmentationType = ("FRACTIONAL", "LABELMAP", "BINARY", "WHAT", "")[rng.integers(0, 5)]
    elif kind == 7:
        made.PixelData = made.PixelData[: int(rng.integers(0, len(made.PixelData)))]
    else:
        made.NumberOfFrames = int(rng.choice([0, 1, len(frames) - 1, len(frames) + 1, 2**31 - 1]))
    return packed_loosely(made), "odd frame of a segmentation"


def harmless(content: bytes, rng: Rng) -> tuple[bytes, str]:
    made = pydicom.dcmread(io.BytesIO(content))
    made.PatientComments = rng.bytes(9).hex()
    made.add_new(0x00091010, "LO", "private")
    return packed(made), "elements that hold no voxel"
