"""No output names what lies above the dataset's root: not the release, not what is made of it."""

import gzip
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from miniature import write_miniature

from medvision.pipelines.main import main

CANARY = "canaryj7q"
"""Part of every folder above the raw root and above the outputs."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp(CANARY)
    write_miniature(top / f"raw-{CANARY}", ["FeTA24", "KiTS23"], cases=1)
    (top / f"raw-{CANARY}/KiTS23/dataset/case_00001").mkdir(parents=True)
    (top / f"raw-{CANARY}/KiTS23/dataset/case_00001/imaging.nii.gz").write_bytes(b"no gzip")
    out = top / "release"
    places = ["--raw", str(top / f"raw-{CANARY}"), "--out", str(out), "--planes", "axial", "--private"]
    assert main(["build", "FeTA24", "KiTS23", *places, "--workers", "1"]) == 0
    return out


def texts(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file below a folder as the bytes that a reader sees, compression undone; shards of the store too."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            schema = pq.read_schema(path)
            names = [name for name in schema.names if name != "image"]
            rows = pq.read_table(path, columns=names).to_pylist()
            content += str(schema.metadata).encode() + json.dumps(rows, default=str).encode()
        elif path.suffix == ".tar":
            with tarfile.open(path) as archive:
                content += " ".join(archive.getnames()).encode()
        elif path.suffix == ".gz":
            content += gzip.decompress(content)
        yield path, content


def assert_no_canary(folder: Path, least: int) -> None:
    found = list(texts(folder))
    assert len(found) >= least
    for path, content in found:
        assert CANARY.encode() not in content, path
        assert b"/tmp/" not in content, path


def test_the_release_does_not(release: Path) -> None:
    assert {path.suffix for path, _ in texts(release)} >= {".parquet", ".tar", ".gz", ".json", ".md"}
    assert_no_canary(release, 30)
    letters = pq.read_table(release / "dead_letters").to_pylist()
    assert letters, "a dead letter has a message, and that must not tell either"


EXPORTS: dict[str, Callable[[Path, Path], list[str]]] = {
    **{
        kind: lambda out, to, kind=kind: ["export", str(out), "--to", kind, "--out", str(to)]
        for kind in ("coco", "csv", "slicer", "plans")
    },
    "report": lambda out, to: ["report", str(out), "--to", str(to / "index.html"), "--samples", "12"],
    **{
        f"prompts-{form}": lambda out, to, form=form: ["prompts", str(out), "--format", form, "--to", str(to)]
        for form in ("parquet", "jsonl")
    },
}


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_what_is_made_of_it_does_not(name: str, release: Path, tmp_path: Path) -> None:
    out = tmp_path / CANARY / name
    out.mkdir(parents=True)
    assert main(EXPORTS[name](release, out)) == 0
    assert_no_canary(out, 1)
