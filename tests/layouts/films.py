"""Films without a header of their own, with readings of two people in text files (Ceph-Biometrics-400)."""

import cmath
import math

import numpy as np
from phantom import write_bmp

from layouts.archive import Archive, LandmarkTruth, Value

PIXEL_MM = 0.1
CLASSES = "1\n1\n1\n3\n1\n2\n1\n3\n"
FACE = {
    **{1: (70, 80), 2: (130, 70), 3: (120, 95), 4: (55, 92), 5: (128, 120), 6: (120, 150), 7: (122, 165)},
    **{8: (112, 174), 9: (118, 170), 10: (65, 150), 11: (127, 139), 12: (133, 137), 13: (146, 128), 14: (144, 143)},
    **{15: (143, 115), 16: (138, 166), 17: (88, 117), 18: (130, 113), 19: (60, 105)},
}
"""Pixels (x, y) counted from 1, x to the right and y down; the face looks to the right."""
ANGLES = ((2, 5, 2, 6), (1, 2, 2, 6), (1, 2, 2, 5), (5, 6, 8, 10), (3, 4, 2, 7), (3, 4, 17, 18), (2, 7, 5, 6))
DISTANCES = ((1, 2), (1, 10), (2, 5), (2, 6), (2, 7), (2, 8), (3, 4), (5, 6), (8, 10), (9, 10), (17, 18))
FOLDERS = ("TrainingData", "Test1Data", "Test2Data")

Points = dict[int, tuple[float, float]]


def write_ceph(archive: Archive) -> None:
    """Films of the three parts, gray and colour; one film that the senior has not read."""
    numbers = [(1, 151, 301)[index % 3] + index // 3 for index in range(archive.cases)]
    for index, number in enumerate([*numbers, 399]):
        case, read = f"{number:03d}", number != 399
        width, height = 193 + 2 * (index % 3), 241 + 3 * (index % 3)
        rng = archive.random(f"film {case}")
        senior, junior = _moved(FACE, rng, 3), _moved(FACE, rng, 3)
        if archive.folder is not None:
            film = rng.integers(20, 60, (height, width)).astype(np.uint8)
            for x, y in np.array(list(senior.values())):
                film[y - 2 : y + 1, x - 2 : x + 1] = 230
            place = f"RawImage/{FOLDERS[2 if not read else index % 3]}/{case}.bmp"
            archive.written.append(write_bmp(archive.folder / place, film, colour=index % 3 == 1))
        archive.file(f"AnnotationsByMD/400_junior/{case}.txt", _text(junior))
        if not read:
            archive.dead(case, "landmarks_missing", 1)
            continue
        archive.file(f"AnnotationsByMD/400_senior/{case}.txt", _text(senior))
        mean: Points = {n: ((senior[n][0] + junior[n][0]) / 2, (senior[n][1] + junior[n][1]) / 2) for n in senior}
        values = [
            v
            for source, points in (("senior", senior), ("junior", junior), ("mean", mean))
            for v in _values(source, points)
        ]
        archive.truth.landmarks.append(
            LandmarkTruth(
                case_id=case,
                patient=case,
                names={1: f"{case}.nii.gz"},
                shape_ras=(1, width, height),
                spacing_mm=(PIXEL_MM,) * 3,
                axes="RAS",
                values=tuple(values),
                values_exact=tuple(values),
            )
        )


def _moved(points: Points, rng: np.random.Generator, most: int) -> Points:
    steps = rng.integers(-most, most + 1, (len(points), 2)).tolist()
    return {number: (x + dx, y + dy) for (number, (x, y)), (dx, dy) in zip(points.items(), steps, strict=True)}


def _text(points: Points) -> str:
    return "".join(f"{x},{y}\n" for x, y in points.values()) + CLASSES


def _values(source: str, points: Points) -> list[Value]:
    """Upstream's measures with acute angles, and the challenge's own from the arguments of complex numbers."""
    at = {number: complex(x, y) * PIXEL_MM for number, (x, y) in points.items()}

    def turn(a: int, b: int, c: int, d: int) -> float:
        """Degrees from the line a-b to the line c-d, clockwise on the film, in (-180, 180]."""
        return math.degrees(cmath.phase((at[d] - at[c]) / (at[b] - at[a])))

    def angle(a: int, b: int, c: int, d: int) -> float:
        return abs(turn(a, b, c, d))

    lengths = {f"L-{a}-{b}": abs(at[a] - at[b]) for a, b in DISTANCES}
    acute = {
        f"A-L_{a}_{b}-L_{c}_{d}": min(angle(a, b, c, d), 180.0 - angle(a, b, c, d))
        for a, b, c, d in (*ANGLES, (1, 2, 9, 10))
    }
    palatal = turn(4, 3, 17, 18)
    exact = {
        "SNA": angle(2, 1, 2, 5),
        "SNB": angle(2, 1, 2, 6),
        "ANB": angle(2, 1, 2, 5) - angle(2, 1, 2, 6),
        "ODI": angle(5, 6, 10, 8) + palatal,
        "APDI": angle(3, 4, 2, 7) - turn(2, 7, 5, 6) + palatal,
        "FHI": abs(at[1] - at[10]) / abs(at[2] - at[8]),
        "FMA": angle(1, 2, 10, 9),
        "MW": math.copysign(abs(at[12] - at[11]), at[12].real - at[11].real) if at[12].real != at[11].real else 0.0,
    }
    return [
        Value(source, definition, key, 0, 0, value)
        for definition, measured in (("upstream", {**lengths, **acute}), ("exact", {**lengths, **exact}))
        for key, value in measured.items()
    ]
