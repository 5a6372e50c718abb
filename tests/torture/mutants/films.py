"""Films as BMP with landmarks as text, against OpenCV's BMP decoder and the standard library."""

import math
import re
import struct
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from torture.mutants import any_bytes, any_file
from torture.mutants.attack import Attack, Files, Rng, on_bytes, one_of, table
from torture.mutants.truth import Truth

from medvision.schemas.dataset import Dataset
from medvision.sources.ceph import CEPH

HIGH, WIDE, MM = 37, 26, 0.1
FILM, SENIOR, JUNIOR = "case_1/film.bmp", "case_1/senior.txt", "case_1/junior.txt"
ODD_WORDS = (
    b"nan",
    b"inf",
    b"-1",
    b"0",
    b"1e3",
    b"999999",
    b"",
    b"x",
    b"1_0",
    b"0x5",
    b"1e-400",
    b"5.25",
    "٣".encode(),
    b" 7",
)


def dataset() -> Dataset:
    (task,) = CEPH.landmark_tasks
    sources = {"senior": SENIOR.replace("case_1", "{case}"), "junior": JUNIOR.replace("case_1", "{case}")}
    task = replace(task, image="{case}/film.bmp", case=r"case_[^/]+", sources=sources)
    return replace(table("", ""), tasks=(), lesion_tasks=(), landmark_tasks=(task,))


def pixels() -> np.ndarray:
    return np.random.default_rng(6).integers(0, 256, (HIGH, WIDE)).astype(np.uint8)


def points(seed: int) -> list[tuple[float, float]]:
    rng = np.random.default_rng(seed)
    return [
        (float(x), float(y)) for x, y in zip(rng.integers(1, WIDE + 1, 19), rng.integers(1, HIGH + 1, 19), strict=True)
    ]


def text(found: list[tuple[float, float]]) -> bytes:
    return "".join(f"{x:g},{y:g}\n" for x, y in found).encode() + b"1\n2\n3\n"


def bmp(gray: np.ndarray, bits: int = 8, top_down: bool = False) -> bytes:
    """8-bit gray by a palette, or 24- and 32-bit colour."""
    high, wide = gray.shape
    rows = gray if bits == 8 else np.repeat(gray[..., np.newaxis], bits // 8, axis=2).reshape(high, -1)
    rows = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 4)))
    body = (rows if top_down else rows[::-1]).tobytes()
    palette = b"".join(bytes([n, n, n, 0]) for n in range(256)) if bits == 8 else b""
    start = 54 + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, wide, -high if top_down else high, 1, bits, 0, len(body), 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start) + info + palette + body


def truth(folder: Path) -> Truth:
    """The film as a volume (1, W, H), its rows flipped, and the points of both readers and their mean on it."""
    content = next(iter(sorted(folder.rglob("film.bmp")))).read_bytes()
    colour = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if colour is None:
        raise ValueError("not read")
    blue, green, red = (colour[..., n].astype(np.int64) for n in range(3))
    gray = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    volume = gray[::-1].T[np.newaxis].astype(np.float64)
    found = [path for name in ("senior", "junior") for path in sorted(folder.rglob(f"{name}.txt")) if path.is_file()]
    readings = {path.stem: read_points(path.read_bytes()) for path in found}
    width, height = volume.shape[1:]
    if any(not (1 <= x <= width and 1 <= y <= height) for reading in readings.values() for x, y in reading):
        raise ValueError("a point beside the film")
    if len(readings) > 1:
        pairs = zip(*readings.values(), strict=True)
        readings["mean"] = [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2) for a, b in pairs]
    points = {
        (source, number): (0.0, x - 1, height - y)
        for source, reading in readings.items()
        for number, (x, y) in enumerate(reading, start=1)
    }
    return Truth(volume, None, np.diag([MM, MM, MM, 1.0]), points, {0: [0]})


def read_points(content: bytes) -> list[tuple[float, float]]:
    """19 lines of two plain decimal numbers."""
    found = []
    for line in [line for line in re.split(r"\r\n|\r|\n", content.decode("ascii")) if line.strip()][:19]:
        x, y = (float(word) for word in line.split(","))
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError("no number")
        found.append((x, y))
    if len(found) < 19:
        raise ValueError("fewer than 19 points")
    return found


def odd_film(files: Files, rng: Rng) -> tuple[Files, str]:
    """Other sides, depths and packings than the film has."""
    content = bytearray(bmp(pixels(), int(rng.choice([8, 24, 32])), bool(rng.random() < 0.5)))
    kind = int(rng.integers(0, 6))
    if kind == 0:
        struct.pack_into(
            "<i", content, int(rng.choice([18, 22])), int(rng.choice([0, -1, 1, 2**31 - 1, -(2**31), 60000, 25]))
        )
    elif kind == 1:
        struct.pack_into("<H", content, 28, int(rng.choice([0, 1, 2, 4, 8, 16, 24, 32, 64, 999])))
    elif kind == 2:
        struct.pack_into("<I", content, 30, int(rng.integers(0, 12)))
    elif kind == 3:
        struct.pack_into(
            "<I", content, int(rng.choice([10, 14, 34, 46])), int(rng.choice([0, 1, 12, 40, 53, 108, 2**31, 2**32 - 1]))
        )
    elif kind == 4:
        return {**files, FILM: bytes(content)}, "written otherwise"
    else:
        struct.pack_into("<I", content, 14, 12)
        return {**files, FILM: bytes(content) + bytes(200)}, "header of another version"
    return {**files, FILM: bytes(content)}, "wrong or huge dims, depth or packing"


def other_format(files: Files, rng: Rng) -> tuple[Files, str]:
    """Another picture format under the name of a BMP."""
    ending = str(rng.choice([".jpg", ".png", ".tiff", ".webp"]))
    files[FILM] = cv2.imencode(ending, pixels())[1].tobytes()
    return files, f"{ending[1:]} as BMP"


def odd_points(files: Files, rng: Rng) -> tuple[Files, str]:
    """Landmark lines with odd numbers, too few, too many, in another form."""
    path = str(rng.choice([SENIOR, JUNIOR]))
    content = files[path]
    assert isinstance(content, bytes)
    lines = content.split(b"\n")
    at, kind = int(rng.integers(0, 19)), int(rng.integers(0, 9))
    if kind < 3:
        words = lines[at].split(b",")
        words[rng.integers(0, 2)] = ODD_WORDS[rng.integers(0, len(ODD_WORDS))]
        lines[at] = b",".join(words)
    elif kind == 3:
        del lines[at : at + int(rng.integers(1, 6))]
    elif kind == 4:
        lines.insert(at, lines[at])
    elif kind == 5:
        lines[at] = lines[at].replace(b",", (b";", b" ", b"\t", b",,", b"\0")[rng.integers(0, 5)])
    elif kind == 6:
        return {**files, path: (b"\r\n", b"\r", b"\n\n")[rng.integers(0, 3)].join(lines)}, "lines of another system"
    elif kind == 7:
        return {
            **files,
            path: content.decode().encode(str(rng.choice(["utf-16", "utf-8-sig", "utf-32"]))),
        }, "other encoding"
    else:
        lines[at] = b"1" * int(rng.integers(1, 10**6)) + b",2"
    return {**files, path: b"\n".join(lines)}, "odd landmarks"


def harmless(content: bytes, rng: Rng) -> tuple[bytes, str]:
    return content + b"4\n" * int(rng.integers(1, 5)), "more class lines"


def lost_reader(files: Files, rng: Rng) -> tuple[Files, str]:
    path = one_of(files, rng)
    files[path] = b"" if rng.random() < 0.5 else rng.bytes(300)
    return files, "file of nothing or noise"


def attacks() -> list[Attack]:
    files: Files = {FILM: bmp(pixels()), SENIOR: text(points(1)), JUNIOR: text(points(2))}
    texts = (*any_bytes.ways(SENIOR, JUNIOR), *(odd_points,) * 12)
    pictures = (*any_bytes.ways(FILM), *(odd_film,) * 6, other_format)
    return [
        Attack("Film, BMP", dataset(), files, (*pictures, *any_file.ways()), truth, (), (0,)),
        Attack(
            "Landmarks, text",
            dataset(),
            files,
            (*texts, lost_reader),
            truth,
            (on_bytes(harmless, SENIOR, JUNIOR),),
            (0,),
        ),
    ]
