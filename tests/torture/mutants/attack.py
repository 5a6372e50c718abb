"""What is attacked: a sound case of a reader's format, the ways to damage it, and who else reads the damaged case."""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from torture.mutants.truth import Truth

from medvision.schemas.dataset import Dataset, LesionTask, Task
from medvision.sources.kits23 import KITS23

NAME = "Mutants"
SHAPE = (24, 20, 9)
"""Of the sound case; no two sides are equal."""


@dataclass(frozen=True)
class Link:
    """A symbolic link in place of a file."""

    target: str


class Folder:
    """A folder in place of a file, with a file in it."""


class Pipe:
    """A named pipe in place of a file: whoever opens it waits for ever."""


Content = bytes | Link | Folder | Pipe
Files = dict[str, Content]
Rng = np.random.Generator
Way = Callable[[Files, Rng], tuple[Files, str]]
"""Damages a case's files, by path below the dataset's folder; says how."""


@dataclass(frozen=True)
class Attack:
    """One reader under attack.

    Attributes:
        name: Of the reader and format.
        dataset: Table whose patterns find the case.
        files: The sound case, by path below the dataset's folder.
        ways: How it is damaged, taken in turn; a way that stands twice is taken twice as often.
        truth: Reads the case in a folder by a decoder that is not ours; whatever it raises means that it cannot.
        harmless: Ways that change no voxel: such a mutant must be built.
        dims: Planes that are built, one in turn, by the axis they are cut across.
    """

    name: str
    dataset: Dataset
    files: Files
    ways: tuple[Way, ...]
    truth: Callable[[Path], Truth]
    harmless: tuple[Way, ...] = ()
    dims: tuple[int, ...] = (0, 1, 2)

    def mutant(self, number: int, seed: int) -> tuple[Files, str, bool]:
        """Files of the mutant of that number, what was done, and whether it must be built."""
        rng = np.random.default_rng([seed, number])
        ways = (*self.ways, *self.harmless)
        stride = next(step for step in range(7, 99) if math.gcd(step, len(ways)) == 1)
        way = ways[number * stride % len(ways)]  # a few mutants are of many kinds, and many of every kind
        files, what = way(dict(self.files), rng)
        return files, what, way in self.harmless


def write_files(folder: Path, files: Files) -> None:
    """Put files below a folder."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Link):
            path.symlink_to(content.target)
        elif isinstance(content, Folder):
            path.mkdir()
            (path / "inside").write_bytes(b"a file in a folder")
        elif isinstance(content, Pipe):
            os.mkfifo(path)
        else:
            path.write_bytes(content)


def table(image: str, mask: str, case: str = r"case_[^/]+", **changes: Any) -> Dataset:
    """A dataset of one image kind; label 2 is a lesion, which rows hold pixel by pixel."""
    task = Task(1, image, mask, case, {1: "organ", 2: "=tumour"}, "MRI", "an MRI")
    task = replace(task, **{key: changes.pop(key) for key in ("member", "mask_member", "channel") if key in changes})
    return replace(
        KITS23,
        name=NAME,
        patient=r"(case_.+)",
        tasks=(task,),
        lesion_tasks=(LesionTask(1, 1, 2),),
        bucket_bits=0,
        known_bad={},
        late_cases={},
        suspect={},
        no_mm={},
        **changes,
    )


def sound_voxels(dtype: str = "int16") -> tuple[np.ndarray, np.ndarray]:
    """Image (i, j, k) of noise and a mask with two labels, unlike themselves under any flip."""
    rng = np.random.default_rng(5)
    image = rng.integers(-200, 900, SHAPE).astype(dtype)
    mask = np.zeros(SHAPE, np.uint8)
    mask[3:15, 2:13, 1:7] = 1
    mask[5:10, 4:9, 2:5] = 2
    mask[18:22, 14:18, 6] = 2
    mask[(rng.random(SHAPE) < 0.2) & (mask == 1)] = 0
    return image, mask


AFFINE = np.array([[-0.8, 0.0, 0.0, 12.0], [0.0, 1.25, 0.0, -30.0], [0.0, 0.0, 2.5, 7.0], [0.0, 0.0, 0.0, 1.0]])
"""Of the sound case: axes to the Left, Anterior, Superior."""


def one_of(files: Files, rng: Rng, paths: tuple[str, ...] = ()) -> str:
    """One path of a case, drawn."""
    return str(rng.choice(sorted(paths or files)))


def on_bytes(change: Callable[[bytes, Rng], tuple[bytes, str]], *paths: str) -> Way:
    """A way that changes the bytes of one file, drawn among `paths` or else all."""

    def way(files: Files, rng: Rng) -> tuple[Files, str]:
        path = one_of(files, rng, paths)
        content = files[path]
        assert isinstance(content, bytes)
        files[path], what = change(content, rng)
        return files, f"{what} of {path.rsplit('/', 1)[-1]}"

    return way


@dataclass
class Verdict:
    """How a mutant ended: "built equal", a reason code, or a broken promise."""

    outcome: str
    what: str
    broken: str = ""
    reasons: tuple[str, ...] = field(default=())
