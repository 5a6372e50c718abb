"""Landmarks as voxels with an ITK transform and a table beside them, as FeTA ships them, against SimpleITK and csv."""

import csv
import io
import math
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import SimpleITK as sitk  # noqa: N813
from torture.mutants import any_bytes, any_file, nifti
from torture.mutants.attack import Attack, Files, Rng, Way, on_bytes, table
from torture.mutants.truth import Truth, to_ras

from medvision.schemas.dataset import Dataset
from medvision.sources.feta24 import FETA24

SHAPE = (22, 18, 14)
SPACING = (1.5, 2.0, 2.5)
IMAGE, MARKS, TRANSFORM, TABLE = (
    f"case_1/sub-001_{name}" for name in ("T2w.nii", "meas.nii", "trf.txt", "biometry.tsv")
)
PAIRS = {
    1: ((11, 14, 7), (11, 3, 7)),
    2: ((11, 9, 10), (11, 8, 4)),
    3: ((18, 9, 6), (3, 9, 6)),
    4: ((19, 10, 6), (2, 10, 6)),
    5: ((16, 5, 5), (5, 5, 5)),
}
"""Voxels of each label; the first has the larger index where the table of the dataset says so."""
PLANE = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1}


def dataset() -> Dataset:
    (task,) = FETA24.landmark_tasks
    task = replace(
        task,
        image="{case}/sub-001_T2w.nii",
        case=r"case_[^/]+",
        group="",
        sources={"biometry": "{case}/sub-001_meas.nii"},
        transform="{case}/sub-001_trf.txt",
        table="sub-001_biometry.tsv",
    )
    return replace(table("", ""), tasks=(), lesion_tasks=(), landmark_tasks=(task,))


def affine() -> np.ndarray:
    made = np.diag([*SPACING, 1.0])
    made[:3, 3] = (-10.0, 4.0, 20.0)
    return made


def sound() -> Files:
    image = np.random.default_rng(8).integers(0, 900, SHAPE).astype("int16")
    marks = np.zeros(SHAPE, np.uint8)
    for label, places in PAIRS.items():
        for place in places:
            marks[place] = label
    shift = sitk.AffineTransform(3)
    shift.SetTranslation((1.5, -2.0, 2.5))
    rows = {"participant_id": "sub-001"} | {name: f"{length(label):.2f}" for name, label in NAMES.items()}
    return {
        IMAGE: nifti.bytes_of(image, affine()),
        MARKS: nifti.bytes_of(marks, affine()),
        TRANSFORM: text_of(shift),
        TABLE: ("\t".join(rows) + "\n" + "\t".join(rows.values()) + "\n").encode(),
    }


NAMES = {"LCC": 1, "HV": 2, "bBIP": 3, "sBIP": 4, "TCD": 5}


def length(label: int) -> float:
    first, second = (np.array(place) * SPACING for place in PAIRS[label])
    return float(np.linalg.norm(first - second))


def text_of(transform: sitk.Transform) -> bytes:
    """As ITK writes an affine transform."""
    parameters, fixed = transform.GetParameters(), transform.GetFixedParameters()
    lines = ("#Insight Transform File V1.0", "#Transform 0", "Transform: AffineTransform_double_3_3")
    numbers = (f"Parameters: {' '.join(map(str, parameters))}", f"FixedParameters: {' '.join(map(str, fixed))}")
    return "\n".join((*lines, *numbers, "")).encode()


def truth(folder: Path) -> Truth:
    """The image resampled by SimpleITK, and the pairs of voxels of each label."""
    image, marks, transform = (next(iter(sorted(folder.rglob(Path(p).name)))) for p in (IMAGE, MARKS, TRANSFORM))
    tables = [path.read_bytes() for path in sorted(folder.rglob(Path(TABLE).name)) if path.is_file()]
    values, grid = nifti.read(image)
    turned = resampled(values.astype(np.float32), grid, sitk.ReadTransform(str(transform)))
    volume, affine_ras = to_ras(turned, grid)
    labels, _ = to_ras(*nifti.read(marks))
    spacing = nib.affines.voxel_sizes(affine_ras)
    pairs = {}
    for label in PAIRS:
        found = np.argwhere(np.rint(labels) == label)
        if len(found) == 2:
            pairs[label] = sorted(map(tuple, found.astype(float)), key=lambda p: -p[(1, 2, 0, 0, 0)[label - 1]])
    points, slices = _numbered(pairs)
    exchanged = _numbered(_exchanged(pairs, spacing, tables[0] if tables else b""))
    return Truth(volume.astype(np.float64), None, affine_ras, points, slices, exact=exchanged)


def _numbered(
    pairs: dict[int, list[tuple[float, ...]]],
) -> tuple[dict[tuple[str, int], tuple[float, ...]], dict[int, list[int]]]:
    points = {("biometry", 2 * label - 1 + n): place for label, pair in pairs.items() for n, place in enumerate(pair)}
    slices: dict[int, list[int]] = {}
    for label, pair in pairs.items():
        slices.setdefault(PLANE[label], []).append(int(pair[0][PLANE[label]]))
    return points, {dim: sorted(set(found)) for dim, found in slices.items()}


def _exchanged(
    pairs: dict[int, list[tuple[float, ...]]], spacing: np.ndarray, lengths: bytes
) -> dict[int, list[tuple[float, ...]]]:
    """Under exact rules: labels 1 and 2 exchanged where the table's lengths say so."""
    rows = list(
        csv.reader(
            io.StringIO(lengths.decode("utf-8-sig", errors="replace"), newline=""),
            delimiter="\t",
            quoting=csv.QUOTE_NONE,
        )
    )
    stated = next(
        (dict(zip(rows[0], row, strict=False)) for row in rows[1:] if row and row[0].strip() == "sub-001"), {}
    )
    if not {1, 2} <= set(pairs) or not stated:
        return pairs

    def near(label: int, name: str) -> bool:
        found = math.dist(*(np.array(place) * spacing for place in pairs[label]))
        try:
            expected = float(stated.get(name, ""))
        except ValueError:
            return False
        return abs(found - expected) <= 0.1 * expected

    if (near(1, "LCC") and near(2, "HV")) or not (near(2, "LCC") and near(1, "HV")):
        return pairs
    first = sorted(pairs[2], key=lambda p: -p[1])
    second = sorted(pairs[1], key=lambda p: -p[2])
    return {**pairs, 1: first, 2: second}


def resampled(values: np.ndarray, grid: np.ndarray, transform: sitk.Transform) -> np.ndarray:
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(values.transpose(2, 1, 0)))
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / spacing).reshape(-1).tolist())
    return np.asarray(sitk.GetArrayFromImage(sitk.Resample(image, transform, sitk.sitkLinear, 0.0)).transpose(2, 1, 0))


def odd_marks(files: Files, rng: Rng) -> tuple[Files, str]:
    """Labels with one voxel, three, none, or the pairs of labels 1 and 2 exchanged."""
    marks = np.zeros(SHAPE, ("uint8", "int16", "float32")[rng.integers(0, 3)])
    kind, hit = int(rng.integers(0, 6)), int(rng.integers(1, 6))
    for label, places in PAIRS.items():
        for n, place in enumerate(places):
            if ((kind, label) == (0, hit) and n == 0) or kind == 1:
                continue
            marks[place] = {1: 2, 2: 1}.get(label, label) if kind == 2 else label
    if kind == 3:
        marks[0, 0, 0] = hit
    if kind == 4:
        marks[0, 0, 0] = rng.choice([6, 200])
    if kind == 5 and marks.dtype == "float32":
        marks[1, 1, 1] = rng.choice([np.nan, np.inf, 0.5])
    return {**files, MARKS: nifti.bytes_of(marks, affine())}, "odd landmark voxels"


def odd_transform(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """Other kinds, numbers missing or too many, NaN, singular ones, long lines."""
    kind = int(rng.integers(0, 9))
    if kind == 0:
        names = (
            "Euler3DTransform",
            "BSplineTransform",
            "DisplacementFieldTransform",
            "IdentityTransform",
            "Nothing",
            "",
        )
        name = names[rng.integers(0, len(names))].encode()
        return content.replace(b"AffineTransform", name), "transform of another kind"
    if kind == 1:
        return content.replace(b"double", b"float").replace(
            b"_3_3", (b"_3_3", b"_2_2")[rng.integers(0, 2)]
        ), "other type"
    if kind == 2:
        return content + content[content.index(b"#Transform") :], "two transforms"
    if kind == 3:
        return content.replace(b"\n", b"\r\n"), "lines of another system"
    if kind == 4:
        return content.replace(
            b"Parameters: 1", b"Parameters: " + b"1 " * int(rng.integers(1, 5000)), 1
        ), "too many parameters"
    lines = content.split(b"\n")
    at = int(rng.integers(3, 5))
    words = lines[at].split(b" ")
    if kind == 5:
        words.pop()
    else:
        odd = (b"nan", b"inf", b"1e400", b"0", b"-1", b"1e30", b"x", b"", b"0.5", b"2")
        words[rng.integers(1, len(words))] = odd[rng.integers(0, len(odd))]
    lines[at] = b" ".join(words)
    return b"\n".join(lines), "odd number in the transform"


def odd_table(content: bytes, rng: Rng) -> tuple[bytes, str]:
    """What cannot be read of the table decides nothing."""
    rows = [line.split(b"\t") for line in content.split(b"\n")]
    odd = (b"nan", b"inf", b"-5", b"0", b"", b"n/a", b"1e400", b"x" * 5000, b"\xff", b'"', b"22")
    rows[int(rng.integers(0, 2))][int(rng.integers(0, 6))] = odd[rng.integers(0, len(odd))]
    return b"\n".join(b"\t".join(row) for row in rows), "odd table"


def harmless(content: bytes, rng: Rng) -> tuple[bytes, str]:
    return content + b"sub-002\t1\t2\t3\t4\t5\n" * int(rng.integers(1, 9)), "more rows of the table"


def attacks() -> list[Attack]:
    changes: tuple[Way, ...] = (
        *any_bytes.ways(TRANSFORM, TABLE, MARKS),
        *(on_bytes(odd_transform, TRANSFORM),) * 8,
        *(on_bytes(odd_table, TABLE),) * 4,
        *(odd_marks,) * 6,
        *(on_bytes(change, MARKS, IMAGE) for change in nifti.PLAIN),
        *(any_file.missing, any_file.no_file),
    )
    return [Attack("Landmarks, voxels and transform", dataset(), sound(), changes, truth, (on_bytes(harmless, TABLE),))]
