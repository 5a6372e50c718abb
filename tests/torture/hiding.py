"""Raw archives of every reader whose headers, names and neighbours hold canaries, sound cases and broken ones."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import nibabel as nib
import pydicom
from miniature import write_miniature
from own_series import NAME, write_series
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset as Elements
from torture.canaries import Canaries

from medvision.transforms.readers.dicom_file import ELEMENTS

MINIATURES = ("Ceph-Biometrics-400", "FeTA24", "KiTS23", "OAIZIB-CM", "SKM-TEA", "ToothFairy2")
"""BMP films, TSV and transform files, NIfTI, NIfTI with CSV, HDF5 with JSON, MetaImage."""
TEXTS = ("PN", "LO", "SH", "LT", "ST", "UT", "UC")
GROUPS = (0x0008, 0x0010, 0x0018, 0x0020, 0x0032, 0x0038, 0x0040)


def write_hiding_places(root: Path, canaries: Canaries, miniatures: Sequence[str] = MINIATURES) -> None:
    """Write the archives below `root`, then hide canaries in each of their files and between them."""
    write_series(root)
    write_miniature(root, miniatures, cases=3)
    for path in sorted((root / NAME).rglob("*.dcm")):
        _dicom(path, canaries)
    for suffix, hide in HIDERS.items():
        for path in sorted(path for path in root.rglob(f"*{suffix}") if not path.name.startswith(".")):
            hide(path, canaries)
    _neighbours(root, (*miniatures, NAME), canaries)
    _broken(root, miniatures, canaries)


def _dicom(path: Path, canaries: Canaries) -> None:
    """Every text element of the dictionary in the usual groups, private blocks, a nested sequence, the preamble."""
    dataset = pydicom.dcmread(path)
    for tag, (vr, multiplicity, _, retired, keyword) in sorted(DicomDictionary.items()):
        wanted = vr in TEXTS and tag >> 16 in GROUPS and keyword and not retired and keyword not in ELEMENTS
        if wanted and multiplicity.startswith("1") and (tag * 7 + len(canaries.places)) % 4 == 0:
            dataset.add_new(tag, vr, canaries.hide(f"DICOM {vr} elements"))
    for group in (0x0009, 0x0011, 0x0029):
        block = dataset.private_block(group, canaries.hide("DICOM private creator"), create=True)
        for element in range(4):
            block.add_new(element, "LO" if element % 2 else "UN", canaries.hide("DICOM private element").encode())
    nested = Elements()
    nested.PatientName = canaries.hide("DICOM nested name")
    dataset.OtherPatientIDsSequence = [nested]
    dataset.preamble = canaries.hide("DICOM preamble").encode().ljust(128, b" ")
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


def _nifti(path: Path, canaries: Canaries) -> None:
    """Free texts of the header, extensions of three codes, and the name and comment of the gzip member."""
    image = nib.load(path)
    header = image.header
    for name, size in (("descrip", 80), ("aux_file", 24), ("db_name", 18), ("intent_name", 16), ("data_type", 10)):
        if size >= 14:
            header[name] = canaries.hide(f"NIfTI {name}").encode()
    for code in (2, 4, 6):
        content = canaries.hide(f"NIfTI extension {code}").encode().ljust(40, b" ")
        header.extensions.append(nib.nifti1.Nifti1Extension(code, content))
    plain = path.with_suffix(".plain.nii")
    nib.save(nib.Nifti1Image(image.dataobj.get_unscaled(), None, header), plain)
    content = plain.read_bytes()
    plain.unlink()
    name, comment = (canaries.hide(f"gzip {what}").encode() for what in ("file name", "comment"))
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    start = b"\x1f\x8b\x08\x18" + b"\0" * 6 + name + b"\0" + comment + b"\0"
    end = struct.pack("<II", zlib.crc32(content), len(content))
    path.write_bytes(start + packer.compress(content) + packer.flush() + end)


def _metaimage(path: Path, canaries: Canaries) -> None:
    lines = "".join(f"{key} = {canaries.hide(f'MetaImage {key}')}\n" for key in ("Comment", "Name", "PatientName"))
    content = path.read_bytes()
    at = content.index(b"ElementDataFile")
    path.write_bytes(content[:at] + lines.encode() + content[at:])


def _hdf5(path: Path, canaries: Canaries) -> None:
    with h5py.File(path, "r+") as file:
        for number in range(6):
            file.attrs[f"note {number}"] = canaries.hide("HDF5 attribute of the file")
            file[canaries.hide("HDF5 array name")] = canaries.hide("HDF5 text")
        for array in list(file.values()):
            array.attrs["note"] = canaries.hide("HDF5 attribute of an array")


def _bmp(path: Path, canaries: Canaries) -> None:
    path.write_bytes(path.read_bytes() + canaries.hide("bytes after a film").encode())


def _table(path: Path, canaries: Canaries) -> None:
    """One more column, unless it is a table without heads."""
    separator = "," if path.suffix == ".csv" else "\t"
    first, *rest = path.read_text().splitlines()
    lines = [f"{first}{separator}name of the patient"]
    lines += [f"{line}{separator}{canaries.hide(f'{path.suffix} column')}" for line in rest]
    path.write_text("\n".join(lines) + "\n")


def _json(path: Path, canaries: Canaries) -> None:
    text = path.read_text()
    if text.startswith("{"):
        path.write_text('{"note": "' + canaries.hide("JSON key") + '", ' + text[1:])


HIDERS: dict[str, Callable[[Path, Canaries], None]] = {
    ".nii.gz": _nifti,
    ".mha": _metaimage,
    ".h5": _hdf5,
    ".bmp": _bmp,
    ".csv": _table,
    ".tsv": _table,
    ".json": _json,
}


def _neighbours(root: Path, names: Sequence[str], canaries: Canaries) -> None:
    """Names that no table matches, beside and below what they do, and where links lead.

    A link to nowhere in the folder of a series is a slice that is missing, and to blame by its name.
    """
    for folder in sorted(path for path in root.rglob("*") if path.is_dir()):
        (folder / f"{canaries.hide('name of a file')}.txt").write_text(canaries.hide("text beside"))
        (folder / canaries.hide("name of a folder")).mkdir()
        if not any(folder.glob("*.dcm")):
            (folder / canaries.hide("name of a link")).symlink_to(f"/nowhere/{canaries.hide('where a link leads')}")
    for name in names:
        place = root / name / canaries.hide("folder like a case") / f"{canaries.hide('file like an image')}.nii.gz"
        place.parent.mkdir()
        place.write_bytes(gzip.compress(canaries.hide("content like an image").encode()))


def _broken(root: Path, names: Sequence[str], canaries: Canaries) -> None:
    """Faulty files under names that tables match: their dead letters must not quote them."""
    for name in BROKEN.keys() & set(names):
        pattern, breaker = BROKEN[name]
        breaker(sorted((root / name).rglob(pattern)), canaries)
    part = sorted((root / NAME / "case_3").rglob("*.dcm"))[-1]
    dataset = pydicom.dcmread(part)
    dataset.add_new(0x00280030, "LO", canaries.hide("DICOM pixel spacing in words"))
    pydicom.dcmwrite(part, dataset)


def _break_readings(paths: list[Path], canaries: Canaries) -> None:
    paths[0].write_text("".join(f"{canaries.hide('a broken reading')},12\n" for _ in range(19)))


def _break_nifti(paths: list[Path], canaries: Canaries) -> None:
    paths[-1].write_bytes(gzip.compress(canaries.hide("a broken NIfTI header").encode() * 40))


def _break_hdf5(paths: list[Path], canaries: Canaries) -> None:
    paths[-1].write_bytes(b"\x89HDF\r\n\x1a\n" + canaries.hide("a broken HDF5").encode() * 40)


def _break_metaimages(paths: list[Path], canaries: Canaries) -> None:
    words = f"ObjectType = Image\nNDims = {canaries.hide('a broken MetaImage')}\nElementDataFile = LOCAL\n"
    paths[-1].write_bytes(words.encode())
    content = paths[0].read_bytes()
    link = f"ElementDataFile = ../{canaries.hide('a file that a header names')}.raw\n".encode()
    paths[0].write_bytes(content[: content.index(b"ElementDataFile")] + link)


BROKEN: dict[str, tuple[str, Callable[[list[Path], Canaries], None]]] = {
    "Ceph-Biometrics-400": ("400_senior/*.txt", _break_readings),
    "KiTS23": ("imaging.nii.gz", _break_nifti),
    "SKM-TEA": ("image_files/*.h5", _break_hdf5),
    "ToothFairy2": ("*_0000.mha", _break_metaimages),
}
FAULTS = {"Ceph-Biometrics-400": 1, "KiTS23": 1, "SKM-TEA": 1, "ToothFairy2": 2, NAME: 1}
"""Dead letters that the broken files must give."""
