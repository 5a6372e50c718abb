"""The same archives on every engine: wall time, and whether content and bytes are the same.

    python benchmarks/compare_engines.py RAW .engines --json docs/figures/engines.json

RAW is a raw root; `python tests/miniature.py RAW` writes a small one of all datasets. `make engines` fetches .engines.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from figures import show
from promises import gcs
from promises.engines.flink_cluster import flink_cluster
from promises.release_bytes import digest, release_bytes

from medvision.pipelines.validate import validate_release

MEDVISION = Path(sys.executable).parent / "medvision"


def build(raw: str, out: str, options: list[str], env: dict[str, str] | None = None) -> float:
    """Wall seconds of one build, from the command line to its exit."""
    start = time.monotonic()
    done = subprocess.run(
        [MEDVISION, "build", "all", "--raw", raw, "--out", out, "--private", *options],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{options}: {done.stdout}{done.stderr}")
    return time.monotonic() - start


def figures(engine: str, out: Path, seconds: float) -> dict[str, Any]:
    """A row of the table."""
    datasets = json.loads((out / "manifest.json").read_text())["datasets"]
    report = validate_release(str(out), "deep")
    if not report.ok:
        raise SystemExit(f"{engine}: the release does not hold")
    return {
        "engine": engine,
        "datasets": len(datasets),
        "cases": sum(item["cases"] for item in datasets.values()),
        "slices": sum(item["slices"] for item in datasets.values()),
        "pairs": sum(sum(item["pairs"].values()) for item in datasets.values()),
        "seconds": round(seconds, 1),
        "content": report.content_hash[:16],
        "bytes": digest(release_bytes(out))[:16],
    }


@contextmanager
def places(engine: str, engines: Path, work: Path) -> Iterator[list[str]]:
    """Options for an engine, with whatever it needs running."""
    if engine == "flink":
        beam = engines / "beam-flink"
        with flink_cluster(engines / "flink", beam, work / "cluster") as cluster:
            yield [f"--flink_master={cluster.master}", f"--flink_job_server_jar={cluster.job_server}", "--workers=2"]
    elif engine == "prism":
        yield [f"--prism_location={engines / 'bin/prism'}"]
    else:
        yield ["--workers", engine.rpartition(" ")[2]]


def compare(raw: Path, engines: Path, work: Path) -> list[dict[str, Any]]:
    rows = []
    for engine in ("direct 2", "prism", "flink"):
        out = work / engine.replace(" ", "-")
        with places(engine, engines, work) as options:
            seconds = build(str(raw), str(out), ["--runner", engine.split()[0], *options])
        rows.append(figures(engine, out, seconds))
    with gcs.emulator() as bucket:
        bucket.put(raw, "raw")
        env = {"STORAGE_EMULATOR_HOST": bucket.url, "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false"}
        root = f"gs://{gcs.BUCKET}"
        seconds = build(f"{root}/raw", f"{root}/out", ["--workers", "2"], env)
        rows.append(figures("direct 2, gs:// to gs://", bucket.get("out", work / "gs"), seconds))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("engines", type=Path)
    parser.add_argument("--json", default="")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        rows = compare(arguments.raw, arguments.engines.resolve(), Path(work))
    show("The same archives on every engine", rows, arguments.json)


if __name__ == "__main__":
    main()
