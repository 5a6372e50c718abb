"""The bytes of a whole miniature build are those on record for this version of the algorithm.

To record them anew, after ALGORITHM_VERSION was raised:

    MEDVISION_UPDATE_GOLDEN=1 python -m pytest tests/promises/test_golden.py
"""

import gzip
import hashlib
import json
import os
import platform
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from miniature import write_miniature
from promises.release_bytes import digest, release_bytes

from medvision.pipelines.run import run_build
from medvision.pipelines.validate import validate_release
from medvision.schemas.options import BuildOptions
from medvision.schemas.rows import SCHEMA_VERSION
from medvision.sources.registry import DATASETS
from medvision.transforms.plan import ALGORITHM_VERSION

GOLDEN = Path(__file__).with_name("golden.json")
LIBRARIES = ("numpy", "scipy", "numba", "pyarrow", "opencv-python-headless", "isal")
ADVICE = (
    "the same raw files give another release. If that is meant, raise ALGORITHM_VERSION in transforms/plan.py (or "
    "SCHEMA_VERSION in schemas/rows.py where columns changed) and record it: MEDVISION_UPDATE_GOLDEN=1 pytest "
    "tests/promises/test_golden.py"
)

pytestmark = pytest.mark.slow


def environment() -> dict[str, str]:
    """What decides bytes beside this project: only where it is the same are bytes compared."""
    simd = np.show_config(mode="dicts")["SIMD Extensions"]  # last bits of floats follow it
    machine = {"machine": platform.machine(), "simd": " ".join([*simd["baseline"], *simd["found"]])}
    return {**machine, "zlib": zlib.ZLIB_RUNTIME_VERSION, **{name: version(name) for name in LIBRARIES}}


def raw_content(raw: Path) -> str:
    """One hash over the decompressed files of the miniature archive."""
    files = sorted(raw.rglob("*.nii.gz"))
    return digest(
        {
            path.relative_to(raw).as_posix(): hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest()
            for path in files
            if not path.name.startswith("._")
        }
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("golden")
    write_miniature(home / "raw", cases=1)
    run_build(BuildOptions(raw=str(home / "raw"), out=str(home / "out"), datasets=tuple(DATASETS)))
    report = validate_release(str(home / "out"), "deep")
    assert report.ok, [check for check in report.checks if not check.ok]
    return {
        "algorithm_version": ALGORITHM_VERSION,
        "schema_version": SCHEMA_VERSION,
        "raw": raw_content(home / "raw"),
        "content": report.content_hash,
        "bytes": digest(release_bytes(home / "out")),
        "environment": environment(),
    }


@pytest.fixture(scope="module")
def golden(found: dict[str, Any]) -> dict[str, Any]:
    if os.environ.get("MEDVISION_UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=2) + "\n")
    return dict(json.loads(GOLDEN.read_text()))


def test_versions_are_on_record(found: dict[str, Any], golden: dict[str, Any]) -> None:
    versions = ("algorithm_version", "schema_version")
    assert [found[name] for name in versions] == [golden[name] for name in versions], (
        "a version was raised: record the new hashes with MEDVISION_UPDATE_GOLDEN=1"
    )


def test_raw_files_are_the_recorded_ones(found: dict[str, Any], golden: dict[str, Any]) -> None:
    assert found["raw"] == golden["raw"], (
        "tests/miniature.py writes another archive, which says nothing of the algorithm: record it with "
        "MEDVISION_UPDATE_GOLDEN=1"
    )


def test_content_is_the_recorded_one(found: dict[str, Any], golden: dict[str, Any]) -> None:
    assert found["content"] == golden["content"], ADVICE


def test_bytes_are_the_recorded_ones(found: dict[str, Any], golden: dict[str, Any]) -> None:
    if found["environment"] != golden["environment"]:
        pytest.skip(f"bytes are on record for {golden['environment']}, here is {found['environment']}")
    assert found["bytes"] == golden["bytes"], ADVICE
