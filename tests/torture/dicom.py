"""Part `dicom`: broken files that others made, deep sequences, lying File Meta, stacks that are none, directories."""

import os
import struct
import sys
import tempfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from torture.mutants.attack import AFFINE, NAME, Files, sound_voxels, table, write_files
from torture.mutants.case_path import Built, build
from torture.mutants.dicom_damage import SYNTAXES, set_raw
from torture.mutants.dicom_scene import SERIES, packed, segmentation, series
from torture.mutants.dicom_truth import parsed, read_series, truth_by_nifti, truth_by_seg
from torture.mutants.truth import disagreement
from torture.pool import MIB, Limits, work_through
from torture.report import Section

OLDEST_PYDICOM = (3, 0, 2)
"""Closes CVE-2026-32711: a DICOMDIR that leads out of its folder."""
LIMITS = Limits(seconds=60.0, memory_bytes=256 * MIB)
DEPTHS = (2, 20, 100, 900, 5000, 100_000)
BUILT = "built equal"
IMAGE, MASK = "case_1/ct/", "case_1/mask.nii"
FILLER = b"\x02\x00\x02\x01OB\0\0" + struct.pack("<I", 1 << 20) + bytes(1 << 20)
"""An element of File Meta that holds a mebibyte of nothing."""
SECRET = "not-to-be-opened"
"""Part of the name of whatever no build may open."""


@dataclass(frozen=True)
class Trial:
    """One case: what it tries, its files below the dataset's folder, and how it may end (nothing: by any reason)."""

    what: str
    files: Files
    allowed: tuple[str, ...] = ()
    by_seg: bool = False


def run(scale: float, seed: int) -> list[Section]:
    """Every situation through a real build, and the broken files of pydicom where they are at hand."""
    made, real = trials(scale), broken_files(realdata())
    sections = [judged("DICOM: what no archive should hold", made)]
    sections.append(judged("DICOM: pydicom's broken files", real))
    if not real:
        sections[1].notes.append("The small real files are absent beside the checkout: none was tried.")
    version = tuple(int(part) for part in pydicom.__version__.split(".")[:3])
    sections[0].notes.append(f"pydicom {pydicom.__version__}; a path in a DICOMDIR is never opened, at any depth.")
    if version < OLDEST_PYDICOM:
        sections[0].failures.append(f"pydicom {pydicom.__version__} is older than 3.0.2")
    return sections


def judged(title: str, tried: Sequence[Trial], builder: Callable[..., Built] = build) -> Section:
    """A row a situation: how many were tried and how they ended."""
    section = Section(title, ("situation", "tried", "ended as"))
    with tempfile.TemporaryDirectory(prefix="dicom-") as home:
        steps = partial(_work, tried, Path(home), builder), partial(_judge, tried, Path(home))
        fates = work_through(len(tried), *steps, LIMITS, partial(_warm, Path(home)))
    ends: dict[str, Counter[str]] = defaultdict(Counter)
    for trial, fate in zip(tried, fates, strict=True):
        end, broken = fate.result if fate.end == "done" else (fate.end, f"{fate.end}: {fate.detail}")
        if not broken and trial.allowed and end not in trial.allowed:
            broken = f"ended as {end}, not as {' or '.join(trial.allowed)}"
        ends[trial.what][end] += 1
        section.failures += [f"{trial.what}: {broken}"] if broken else []
    for what, counted in ends.items():
        said = ", ".join(f"{end} ({count})" for end, count in counted.most_common())
        section.rows.append((what, counted.total(), said))
    return section


OPENED: list[str] = []
"""Files that this process opened whose name has SECRET in it."""


def _warm(home: Path) -> None:
    """Every library loaded, and from then on an ear on what is opened."""
    _work([_sound()], home / f"sound-{os.getpid()}", build, 0)

    def heard(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and SECRET in str(arguments[0]):
            OPENED.append(str(arguments[0]))

    sys.addaudithook(heard)


def _table(trial: Trial) -> object:
    return table("{case}/ct/", "{case}/seg/" if trial.by_seg else "{case}/mask.nii")


def _work(tried: Sequence[Trial], home: Path, builder: Callable[..., Built], number: int) -> Built:
    place = home / str(number)
    write_files(place / "raw" / NAME, tried[number].files)
    os.mkfifo(place / f"{SECRET}.dcm")  # who opens it waits for ever
    OPENED.clear()
    return builder(place / "raw", place / "out", _table(tried[number]), ("1.4.0", "exact")[number % 2])


def _judge(tried: Sequence[Trial], home: Path, number: int, built: Built) -> tuple[str, str]:
    if OPENED:
        return "opened", f"opened {OPENED[0].rsplit('/', 1)[-1]}"
    if not built.slices:
        reasons = sorted(set(built.reasons))
        return " and ".join(reasons) or "lost", "" if reasons else "neither rows nor a dead letter"
    try:
        truth = (truth_by_seg if tried[number].by_seg else truth_by_nifti)(home / str(number) / "raw" / NAME)
        broken = disagreement(built, truth)
    except Exception as error:  # noqa: BLE001 (a decoder may raise anything at a damaged file)
        broken = f"built, and unreadable by pydicom: {type(error).__name__}: {error}"
    return "built wrong" if broken else BUILT, broken


def trials(scale: float) -> list[Trial]:
    """What is made here; a smaller scale takes fewer of the depths, syntaxes and slices."""
    every = max(1, round(1 / scale)) if scale < 1 else 1
    made = [_sound(), *_sequences()[::every], *_lying_meta()[::every], *_stacks()[::every], *_directories()]
    return [*made, *_segmentations()]


def case(changed: dict[str, bytes] | None = None, slices: Sequence[pydicom.Dataset] = ()) -> Files:
    """The sound series with its mask, some files of it changed."""
    parts = slices or series()
    files: Files = {f"{SERIES}{k}.dcm": packed(part) for k, part in enumerate(parts)}
    files[MASK] = nib.Nifti1Image(sound_voxels()[1], AFFINE).to_bytes()
    return {**files, **(changed or {})}


def _sound() -> Trial:
    return Trial("a sound series", case(), (BUILT,))


def _sequences() -> list[Trial]:
    """Sequences in sequences before the pixels of one slice, in all the ways that an element can hold them."""
    content, found = packed(series()[4]), []
    place = content.index(b"\x08\x00\x16\x00UI")
    for depth in DEPTHS:
        for tag in (b"\x08\x00\x40\x11", b"\x09\x00\x10\x10", b"\x28\x00\x00\x30"):  # standard, private, one we read
            for vr in (b"SQ", b"UN"):
                for closed in (True, False):
                    block = tag + vr + b"\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
                    end = (b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0") * depth if closed else b""
                    changed = content[:place] + block * depth + end + content[place:]
                    what = f"sequences {depth:,} deep"
                    found.append(Trial(what, case({f"{SERIES}4.dcm": changed})))
        nested = b""
        for _ in range(min(depth, 900)):  # with lengths, each of which holds the rest
            item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(nested)) + nested
            nested = b"\x08\x00\x40\x11SQ\0\0" + struct.pack("<I", len(item)) + item
        changed = content[:place] + nested + content[place:]
        found.append(Trial("sequences with lengths, 900 deep at most", case({f"{SERIES}4.dcm": changed})))
    return found


def _lying_meta() -> list[Trial]:
    """File Meta of every slice, or of one, that says what the file is not."""
    found = []
    for syntax in SYNTAXES:
        for every in (True, False):
            slices = series()
            for part in slices if every else slices[4:5]:
                part.file_meta.TransferSyntaxUID = syntax
            files = {f"{SERIES}{k}.dcm": _as_before(part) for k, part in enumerate(slices)}
            found.append(Trial("transfer syntax that is not the file's", case(files)))
    sound = packed(series()[4])
    start = sound.index(b"\x08\x00\x16\x00UI")
    bomb = _deflated_zeros()
    deflated = b"\x02\x00\x10\x00UI" + struct.pack("<H", 22) + b"1.2.840.10008.1.2.1.99"
    for what, changed in (
        ("deflated bomb", sound[:132] + deflated + bomb),
        ("deflated bomb behind a long File Meta", sound[:132] + FILLER + deflated + bomb),
        ("no File Meta", sound[:132] + sound[start:]),
        ("no DICM mark", sound[:128] + b"DICX" + sound[132:]),
        ("no preamble", sound[128:]),
        ("File Meta twice", sound[:start] + sound[132:start] + sound[start:]),
        ("File Meta without an end", sound[:132] + (b"\x02\x00\x02\x00UI\x08\x001.2.3.4\0" * 20_000) + sound[132:]),
        ("group length of 4 GB", sound[:140] + b"\xff\xff\xff\xff" + sound[144:]),
        ("group length of nothing", sound[:140] + b"\0\0\0\0" + sound[144:]),
    ):
        found.append(Trial(what, case({f"{SERIES}4.dcm": changed})))
    return found


@cache
def _deflated_zeros() -> bytes:
    squeeze = zlib.compressobj(1, zlib.DEFLATED, -15)
    return squeeze.compress(bytes(2 * LIMITS.memory_bytes)) + squeeze.flush()


def _as_before(part: pydicom.Dataset) -> bytes:
    """The bytes of an explicit little-endian file under whatever its File Meta now says."""
    stated = str(part.file_meta.TransferSyntaxUID).encode()
    part.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    content = packed(part)
    start = content.index(b"\x02\x00\x10\x00UI")
    (length,) = struct.unpack_from("<H", content, start + 6)
    stated += b"\0" * (len(stated) % 2)
    return content[: start + 6] + struct.pack("<H", len(stated)) + stated + content[start + 8 + length :]


def _stacks() -> list[Trial]:
    """Series that are no even stack of like slices."""
    found = []
    count = len(series())
    for k in range(count):
        parts = series()
        del parts[k]
        ends = k in (0, count - 1)
        reason = "shape_mismatch" if ends else "dicom_missing_slices"
        found.append(Trial(f"{'end' if ends else 'inner'} slice missing", case(slices=parts), (reason,)))
        again = {f"{SERIES}again.dcm": packed(series()[k])}
        found.append(Trial("slice twice", case(again), ("dicom_duplicate_slice",)))
        for name, value, reason in (
            ("Rows", struct.pack("<H", 19), "dicom_mixed_shape"),
            ("PixelSpacing", b"1.3\\0.8 ", "dicom_mixed_spacing"),
            ("ImageOrientationPatient", b"0\\1\\0\\1\\0\\0", "dicom_mixed_orientation"),
            ("SeriesInstanceUID", b"1.2.3.99", "dicom_mixed_series"),
            ("ImagePositionPatient", b"", "dicom_no_position"),
        ):
            parts = series()
            set_raw(parts[k], name, {"Rows": "US", "SeriesInstanceUID": "UI"}.get(name, "DS"), value)
            found.append(Trial(f"one slice with other {name}", case(slices=parts), (reason,)))
    for drift_mm in (0.0001, 0.01, 0.05, 0.3, 2.0, -1.0):
        parts = series()
        for k, part in enumerate(parts):
            part.ImagePositionPatient[1] += drift_mm * k
        limit = 0.1 * 0.8
        wanted = ("dicom_gantry_tilt",) if abs(drift_mm) * (count - 1) > limit * 1.5 else (BUILT, "grid_mismatch")
        found.append(Trial("gantry tilt", case(slices=parts), wanted))
    for shift_mm in (0.001, 0.2, 0.3, 1.0, -0.4, 2.4):
        parts = series()
        parts[3].ImagePositionPatient[2] += shift_mm
        wanted = ("dicom_uneven_spacing",) if abs(shift_mm) > 0.25 else (BUILT,)
        found.append(Trial("slice off its place", case(slices=parts), wanted))
    mixed = {f"{SERIES}b{k}.dcm": packed(part) for k, part in enumerate(series(SeriesInstanceUID="1.2.3.99"))}
    found.append(Trial("two series in a folder", case(mixed), ("dicom_mixed_series",)))
    return found


def _directories() -> list[Trial]:
    """DICOMDIR files that name what lies elsewhere: passed over, and nothing of what they name is opened."""
    name = f"{SECRET}.dcm"
    up = ("..",) * 4  # from a series to beside the raw folder, where a pipe of that name stands
    places = ((*up, name), (*up, *up, "etc", SECRET), (f"/{name}",), (name,), (f"{'/'.join(up)}/{name}",))
    found = []
    for directory in ("DICOMDIR", "dicomdir", "directory"):
        for place in places:
            made = pydicom.dataset.FileDataset(
                "", {}, file_meta=pydicom.dataset.FileMetaDataset(), preamble=b"\0" * 128
            )
            made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = "1.2.840.10008.1.3.10"
            made.file_meta.MediaStorageSOPInstanceUID = "1.2.3.5"
            made.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
            record = pydicom.Dataset()
            record.DirectoryRecordType = "IMAGE"
            set_raw(record, "ReferencedFileID", "CS", "\\".join(place).encode())
            made.DirectoryRecordSequence = [record]
            files = case({f"{SERIES}{directory}": packed(made)})
            found.append(Trial("DICOMDIR beside a series", files, (BUILT,)))
            alone = {f"{SERIES}{directory}": packed(made), MASK: files[MASK]}
            found.append(Trial("DICOMDIR alone", alone, ("dicom_no_image",)))
    return found


def _segmentations() -> list[Trial]:
    """Segmentations on a series, on one with a slice fewer, and contours in their place."""
    seg = {"case_1/seg/1.dcm": segmentation(sound_voxels()[1])}
    parts = series()
    contours = series()[0]
    contours.SOPClassUID = contours.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    return [
        Trial("a sound segmentation", case(seg), (BUILT,), True),
        Trial("segmentation on a series without its end", case(seg, parts[:4]), ("seg_off_grid",), True),
        Trial(
            "two segmentations",
            case({**seg, "case_1/seg/2.dcm": seg["case_1/seg/1.dcm"]}),
            ("dicom_mixed_series",),
            True,
        ),
        Trial("contours as mask", case({"case_1/seg/1.dcm": packed(contours)}), ("rtstruct_unsupported",), True),
        Trial("segmentation as image", {**seg, f"{SERIES}1.dcm": seg["case_1/seg/1.dcm"]}, ("dicom_no_image",), True),
    ]


def realdata() -> Path:
    """Folder of pydicom's broken files beside the checkout; it need not exist."""
    checkout = Path(__file__).resolve().parents[2]
    return Path(os.environ.get("MEDVISION_REALDATA") or checkout.parent / "shared/realdata") / "pydicom"


def broken_files(folder: Path) -> list[Trial]:
    """Each file alone as an image, and as a slice more of a sound series; its mask fits where pydicom reads it."""
    found = []
    for path in sorted(folder.glob("*.dcm")):
        content = path.read_bytes()
        found.append(Trial(path.name, {f"{IMAGE}{path.name}": content, MASK: _mask_of(path)}))
        found.append(Trial(path.name, case({f"{SERIES}{path.name}": content})))
    return found


def _mask_of(path: Path) -> bytes:
    """A block on the grid of an image of one slice; any mask where that cannot be read."""
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "one.dcm").write_bytes(path.read_bytes())
        try:
            parsed(path)
            values, affine = read_series(Path(home))
            mask = np.zeros(values.shape, np.uint8)
            mask[2:-3, 3:-2] = 1
        except Exception:  # noqa: BLE001 (broken on purpose)
            return nib.Nifti1Image(sound_voxels()[1], AFFINE).to_bytes()
    return bytes(nib.Nifti1Image(mask, affine).to_bytes())
