"""DICOM series and DICOM-SEG, against pydicom alone."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
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
from torture.mutants.truth import Truth, truth_of

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
CT = "1.2.840.10008.5.1.4.1.1.2"
SERIES = "case_1/ct/"
SEG = "case_1/seg/1.dcm"
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


def read_series(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Values (i, j, k) and the affine of the images of a folder, in the order of their positions."""
    slices = [parsed(path) for path in sorted(folder.iterdir()) if path.is_file() and not _aside(path.name)]
    slices = [part for part in slices if "PixelData" in part and _is_image(part)]
    first = slices[0]
    directions = np.array(first.ImageOrientationPatient, float).reshape(2, 3)
    along_row, along_column = directions / np.linalg.norm(directions, axis=1)[:, np.newaxis]
    normal = np.cross(along_row, along_column)
    slices.sort(key=lambda part: float(np.array(part.ImagePositionPatient, float) @ normal))
    values = [
        part.pixel_array.T * float(part.get("RescaleSlope", 1)) + float(part.get("RescaleIntercept", 0))
        for part in slices
    ]
    positions = np.array([part.ImagePositionPatient for part in slices], float)
    between_rows, between_columns = (float(n) for n in first.PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = along_row * between_columns, along_column * between_rows
    thickness = float(first.get("SpacingBetweenSlices") or first.get("SliceThickness") or 0)
    several = len(slices) > 1
    affine[:3, 2] = (positions[-1] - positions[0]) / (len(slices) - 1) if several else normal * thickness
    affine[:3, 3] = positions[0]
    return np.stack(values, axis=2), LPS @ affine


def parsed(path: Path) -> Dataset:
    """A file as pydicom reads it; elements over a mebibyte are left where they are, and without a transfer syntax the
    encoding that it found is that of the pixels."""
    found = pydicom.dcmread(path, defer_size=1 << 20)
    if "TransferSyntaxUID" not in found.file_meta:
        implicit, little = found.original_encoding
        plain = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        found.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else plain
    return found


def _aside(name: str) -> bool:
    return name.lower().startswith((".", "dicomdir", "license")) or name.lower().endswith((".txt", ".pdf"))


def _is_image(part: Dataset) -> bool:
    uid = UID(str(part.get("SOPClassUID", "")))
    return uid.type != "SOP Class" or "Image Storage" in uid.name


def read_segmentation(path: Path, image: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Labels (i, j, k) on the image's grid; where segments overlap the lowest keeps the voxel."""
    made = parsed(path)
    frames = np.atleast_3d(made.pixel_array).reshape(-1, int(made.Rows), int(made.Columns))
    labels, to_voxel = np.zeros(image[0].shape, int), np.linalg.inv(LPS @ image[1])
    shared = made.SharedFunctionalGroupsSequence[0] if "SharedFunctionalGroupsSequence" in made else Dataset()
    placed = []
    for frame, groups in zip(frames, made.PerFrameFunctionalGroupsSequence, strict=True):
        own = groups if "PlanePositionSequence" in groups else shared
        place = to_voxel @ [*map(float, own.PlanePositionSequence[0].ImagePositionPatient), 1.0]
        if np.abs(place - np.rint(place)).max() > 0.3 or np.rint(place)[:2].any():
            raise ValueError("off the grid")
        number = 0
        if made.SegmentationType == "BINARY":
            named = groups if "SegmentIdentificationSequence" in groups else shared
            number = int(named.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
        placed.append((number, int(np.rint(place[2])), frame))
    for number, k, frame in sorted(placed, key=lambda part: part[:2]):
        part = frame.T.astype(int) if number == 0 else (frame.T != 0) * number
        if number == 0 and made.get("PixelPaddingValue") is not None:
            part[part == made.PixelPaddingValue] = 0
        labels[:, :, k] = np.where(labels[:, :, k] == 0, part, labels[:, :, k])
    return labels


def truth_by_nifti(folder: Path) -> Truth:
    mask = nib.load(next(iter(sorted(folder.rglob("mask.nii")))))
    return truth_of(read_series(next(iter(sorted(folder.rglob("ct"))))), (np.asarray(mask.dataobj), mask.affine))


def truth_by_seg(folder: Path) -> Truth:
    image = read_series(next(iter(sorted(folder.rglob("ct")))))
    return truth_of(image, (read_segmentation(next(iter(sorted(folder.rglob("seg/*.dcm")))), image), image[1]))


# Damage


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


def other_segmentation(files: Files, rng: Rng) -> tuple[Files, str]:
    mask = np.roll(sound_voxels()[1], rng.integers(0, 4, 3), (0, 1, 2))
    files[SEG] = _kept_segmentation(mask.tobytes(), "LABELMAP" if rng.random() < 0.5 else "BINARY")
    return files, "written otherwise"


def _kept_segmentation(mask: bytes, kind: str, known: dict[tuple[bytes, str], bytes] = {}) -> bytes:  # noqa: B006
    if (mask, kind) not in known:
        known[mask, kind] = segmentation(np.frombuffer(mask, np.uint8).reshape(SHAPE), kind)
    return known[mask, kind]


def contours(files: Files, rng: Rng) -> tuple[Files, str]:
    made = series()[0]
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    files[SEG] = packed(made)
    return files, "contours as mask"


def harmless(content: bytes, rng: Rng) -> tuple[bytes, str]:
    made = pydicom.dcmread(io.BytesIO(content))
    made.PatientComments = rng.bytes(9).hex()
    made.add_new(0x00091010, "LO", "private")
    return packed(made), "elements that hold no voxel"


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
