"""The same build on a lesser CPU: a process in which numpy, numba and OpenCV may not use what this machine has on top.

    python tests/promises/plain_cpu.py RAW OUT RULES ...    builds OUT/RULES of each, prints what the CPU was used for

`plain_environment` gives the variables that make it a lesser one.
"""

import json
import os
import sys
from pathlib import Path

DATASETS = ("FeTA24", "KiTS23", "autoPET-III")
"""Landmarks, lesions, images of floats."""


def features() -> dict[str, list[str]]:
    """What numpy, numba and OpenCV use of the CPU in this process, beyond what they are compiled to need."""
    import cv2
    from numba.core.registry import cpu_target
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    _, cpu, compiled_for = cpu_target.target_context.codegen().magic_tuple()
    opencv = cv2.getCPUFeaturesLine().split()  # "SSE *AVX2 *AVX512-SKX?": * beyond the least, ? not used
    return {
        "numpy": [name for name in __cpu_dispatch__ if __cpu_features__.get(name)],
        "numba": [cpu, *(part for part in compiled_for.split(",") if part.startswith("+"))],
        "opencv": [name[1:] for name in opencv if name.startswith("*") and not name.endswith("?")],
    }


def plain_environment(cache: Path) -> dict[str, str]:
    """Variables of a process that may use none of `features()`; compiled code goes into a cache of its own."""
    found = features()
    return {
        **os.environ,
        "NPY_DISABLE_CPU_FEATURES": " ".join(found["numpy"]),
        "OPENCV_CPU_DISABLE": ",".join(found["opencv"]),
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(cache),
    }


def main(raw: str, out: str, *all_rules: str) -> None:
    """Builds and tells."""
    from medvision.pipelines.run import run_build
    from medvision.schemas.options import BuildOptions

    for rules in all_rules:
        run_build(BuildOptions(raw=raw, out=f"{out}/{rules}", datasets=DATASETS, rules=rules))
    sys.stdout.write(json.dumps(features()))


if __name__ == "__main__":
    main(*sys.argv[1:])
