"""Own code against libraries, on the case `ct15`: what CONTRIBUTING.md says of them is this table.

python benchmarks/libraries.py [--data DIR] [--repeats 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import gzip
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from cases import CASES, prepare
from figures import Row, show
from isal import igzip
from PIL import Image
from scipy import ndimage
from skimage import measure

from medvision.transforms.components import find_components, label_slices, label_volume
from medvision.transforms.encode import encode_slices, plan_png16
from medvision.transforms.geometry import to_ras
from medvision.transforms.memory_order import flat_voxels
from medvision.transforms.png import PngWriter
from medvision.transforms.readers.nifti import NiftiFile
from medvision.transforms.survey import percentiles, survey
from medvision.transforms.threads import limit_threads

PERCENTS = (0.5, 99.5, 99.99)


def contests(raw: Path) -> dict[str, dict[str, Callable[[], Any]]]:
    """What is compared: a task, and who does it; this project's code comes first."""
    folder = raw / "AMOS22"
    content = {part: (folder / f"{part}/amos_0001.nii.gz").read_bytes() for part in ("imagesTr", "labelsTr")}
    volume = to_ras(_read(content["imagesTr"]))
    mask = to_ras(_read(content["labelsTr"])).data
    slices = [np.ascontiguousarray(volume.data[:, :, z] + 1024).astype(np.uint16) for z in range(30, 110, 4)]
    writer = PngWriter(*slices[0].shape, 16)
    encoding, sagittal = plan_png16(volume), np.arange(150, 350)
    floats = flat_voxels(volume.data).astype(np.float32)
    return {
        "inflate an image": {
            "NiftiFile (isal)": lambda: _read(content["imagesTr"]),
            "isal.igzip.decompress": lambda: igzip.decompress(content["imagesTr"]),
            "gzip": lambda: gzip.decompress(content["imagesTr"]),
        },
        "16-bit PNG of 20 slices": {
            "PngWriter (isal)": lambda: [writer.write(codes) for codes in slices],
            "cv2": lambda: [cv2.imencode(".png", codes) for codes in slices],
            "PIL, level 1": lambda: [_pil(codes, 1) for codes in slices],
            "PIL": lambda: [_pil(codes, 6) for codes in slices],
        },
        "turn and encode 200 sagittal slices": {
            "gather and encode": lambda: list(encode_slices(volume.data, sagittal, encoding, 32 << 20)),
            "numpy, one by one, and encode": lambda: [
                writer_of(codes).write(codes)
                for codes in (np.ascontiguousarray(volume.data[x] + 1024).astype(np.uint16) for x in sagittal)
            ],
        },
        "components of axial slices, both kinds": {
            "runs, all planes and the volume": lambda: _components(mask),
            "scipy.ndimage.label, a label at a time": lambda: _scipy(mask),
            "skimage.measure.label": lambda: [
                measure.regionprops(measure.label(mask[:, :, z], connectivity=kind))
                for z in range(mask.shape[2])
                for kind in (1, 2)
            ],
        },
        "percentiles of 39 M floats": {
            "percentiles": lambda: percentiles(floats, PERCENTS, survey(floats).edges),
            "numpy.percentile": lambda: np.percentile(floats, PERCENTS, method="lower"),
        },
    }


def writer_of(codes: np.ndarray) -> PngWriter:
    return PngWriter(*codes.shape, 16)


def _read(content: bytes) -> Any:
    return NiftiFile(io.BytesIO(content), len(content), True).volume()


def _pil(codes: np.ndarray, level: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(codes).save(out, "PNG", compress_level=level)
    return out.getvalue()


def _components(mask: np.ndarray) -> Any:
    found = find_components(mask)
    return [label_slices(found, dim) for dim in range(3)], label_volume(found)


def _scipy(mask: np.ndarray) -> list[Any]:
    found = []
    for z in range(mask.shape[2]):
        for label in np.unique(mask[:, :, z])[1:]:
            for corners in (None, np.ones((3, 3))):
                found.append(ndimage.find_objects(ndimage.label(mask[:, :, z] == label, corners)[0]))
    return found


def main() -> None:
    """Prints who takes how long, alternating in one run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "medvision-benchmarks")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", default="", metavar="PATH")
    options = parser.parse_args()
    limit_threads()
    case = next(case for case in CASES if case.name == "ct15")
    raw = prepare(case, options.data)
    assert raw is not None, "a synthetic case needs no real files"
    rows: list[Row] = []
    for task, ways in contests(raw).items():
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(options.repeats + 1):
            for name, way in ways.items():
                start = time.perf_counter()
                way()
                if turn:  # the first warms up
                    taken[name].append(time.perf_counter() - start)
        middle = {name: statistics.median(found) for name, found in taken.items()}
        own = next(iter(middle.values()))
        rows += [{"task": task, "by": name, "ms": 1000 * value, "x own": value / own} for name, value in middle.items()]
    show("Own code and libraries", rows, options.json)


if __name__ == "__main__":
    main()
