"""Secrets in the raw data: not one of them may stand in any byte that is written or shown."""

from __future__ import annotations

import gzip
import io
import json
import logging
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from own_series import NAME, table
from torture.canaries import Canaries
from torture.hiding import FAULTS, MINIATURES, write_hiding_places
from torture.report import Section

from medvision.pipelines.main import main
from medvision.sources.registry import DATASETS

LEAST = 1000
EXPORTS = ("coco", "csv", "slicer", "plans", "dicom-sr")


def run(scale: float, seed: int) -> list[Section]:
    """Hide, build, read, draw and export, then search every byte; neither scale nor seed change anything."""
    with tempfile.TemporaryDirectory() as folder:
        section = search(Path(folder), MINIATURES, EXPORTS)
    if (hidden := int(section.rows[-1][1])) < LEAST:
        section.failures.append(f"only {hidden} secrets were hidden")
    return [section]


def search(home: Path, miniatures: Sequence[str], exports: Sequence[str]) -> Section:
    """The table of hiding places, and a failure for each canary that came out."""
    canaries = Canaries()
    top = home / canaries.hide("folder above the root") / canaries.hide("folder of the root")
    write_hiding_places(top / "raw", canaries, miniatures)
    outputs = home / canaries.hide("folder above the outputs")
    outputs.mkdir()
    said = everything_that_is_made(top / "raw", outputs, miniatures, exports)
    found: Counter[str] = Counter()
    where: dict[str, str] = {}
    names = outputs.rglob("*")
    seen = [("what was printed and logged", said.replace(str(outputs), "OUT").replace(str(top), "TOP").encode())]
    seen += [("names of files", "\n".join(str(path.relative_to(outputs)) for path in names).encode())]
    for where_from, content in (*seen, *contents(outputs)):
        for place in canaries.found_in(content):
            found[place] += 1
            where.setdefault(place, where_from)
    hidden = Counter(canaries.places)
    section = Section("Secrets in the raw data", ("hidden in", "secrets", "found in the output"))
    section.rows = [(place, count, found[place]) for place, count in sorted(hidden.items())]
    section.rows.append(("all places", sum(hidden.values()), sum(found.values())))
    section.failures = [f"a secret hidden as {place!r} stands in {where[place]}" for place in found]
    section.failures += _unread(outputs / "release", (*miniatures, NAME))
    count, size = _size(outputs)
    section.notes = [f"{count:,} files of {size / 1e6:.0f} MB were searched, and all that was printed and logged."]
    return section


def everything_that_is_made(raw: Path, outputs: Path, miniatures: Sequence[str], exports: Sequence[str]) -> str:
    """Run the commands that write or tell something; what they said, with Beam's log."""
    release = outputs / "release"
    with pytest.MonkeyPatch.context() as patch, _listening() as heard:
        patch.setitem(DATASETS, NAME, table())
        names = (*miniatures, NAME)
        options = ["--formats", "parquet,webdataset,plans", "--planes", "sagittal,axial", "--workers", "1"]
        metrics = ["--metrics", str(outputs / "metrics.json")]
        build = ["build", *names, "--raw", str(raw), "--out", str(release), "--private", *options, *metrics]
        assert main(["--verbose", *build]) == 0, heard.getvalue()
        main(["check", str(raw), *names])
        main(["check", str(raw), *names, "--json"])
        rows = pq.read_table(release / f"annotations/{NAME}", columns=["slice_id"]).to_pylist()
        main(["inspect", str(release), rows[0]["slice_id"]])
        main(["view", str(release), rows[0]["slice_id"], "--out", str(outputs / "view.png")])
        for command in ("validate", "stats"):
            assert main([command, str(release)]) == 0
            main([command, str(release), "--json"])
        main(["diff", str(release), str(release)])
        main(["report", str(release), "--to", str(outputs / "report.html"), "--samples", "30"])
        main(["prompts", str(release), "--to", str(outputs / "prompts"), "--per-config", "20"])
        for kind in exports:
            options = ["--raw", str(raw), "--dataset", NAME] if kind == "dicom-sr" else []
            assert main(["export", str(release), "--to", kind, "--out", str(outputs / kind), *options]) == 0
    return heard.getvalue()


def _unread(release: Path, names: Sequence[str]) -> Iterator[str]:
    """What shows that the hiding places were not read at all: datasets without slices, faults without a letter."""
    manifest = json.loads((release / "manifest.json").read_text())
    letters = Counter(row["dataset"] for row in pq.read_table(release / "dead_letters").to_pylist())
    for name in names:
        if not manifest["datasets"][name]["slices"]:
            yield f"{name} gave no slice"
        if letters[name] < FAULTS.get(name, 0):
            yield f"{name} gave {letters[name]} dead letters, not {FAULTS[name]}"


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder as it stands and, under the same name, as a reader sees it."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content, name = path.read_bytes(), str(path.relative_to(folder))
        yield name, content
        if path.suffix == ".parquet":
            schema = pq.read_schema(path)
            shown = pq.read_table(path, columns=[column for column in schema.names if column != "image"]).to_pylist()
            yield name, str(schema.metadata).encode() + json.dumps(shown, default=str).encode()
        elif path.suffix == ".tar":
            with tarfile.open(path) as archive:
                yield name, " ".join(archive.getnames()).encode()
        elif path.suffix == ".gz":
            yield name, gzip.decompress(content)


@contextmanager
def _listening() -> Iterator[io.StringIO]:
    """What is printed and logged meanwhile, every level of it."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(heard), redirect_stderr(heard):
            yield heard
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def _size(folder: Path) -> tuple[int, int]:
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)
