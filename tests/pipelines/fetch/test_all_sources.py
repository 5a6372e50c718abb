"""Every dataset: its miniature archive, packed and served as its table says, is fetched into what a build reads."""

import hashlib
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import miniature
import pytest
from faulty_web import Web, web
from fetching import Quiet, resolver
from services import TOKEN, hub, services, synapse, zenodo

from medvision.pipelines.fetch.run import fetch_dataset
from medvision.pipelines.fetch.sources import instructions, source_row
from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.schemas.origin import HandFile, HubFiles, Source, SynapseFile, WebFile, ZenodoFile
from medvision.sources.registry import TABLES
from medvision.transforms.patterns import compile_pattern
from medvision.transforms.select import find_cases

pytestmark = pytest.mark.heavy

FETCHED = [table for table in TABLES if table.origin and table.origin.sources]


def ids(root: Path, dataset: Dataset) -> list[str]:
    return [case.case_id for case in find_cases(dataset, BuildOptions(raw=str(root), out="", datasets=())).cases]


def test_every_dataset_says_how_it_is_had():
    assert len(TABLES) == 22
    access = {table.name: table.origin.access for table in TABLES if table.origin}
    assert len(access) == 22
    assert [sum(kind == wanted for kind in access.values()) for wanted in ("open", "token", "by hand")] == [13, 4, 5]
    assert {name for name, kind in access.items() if kind == "token"} == {
        "AbdomenAtlas1.0Mini",
        "BCV15",
        "BraTS24",
        "FeTA24",
    }


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_what_a_table_states_has_the_form_that_it_should(table):
    origin = table.origin
    places = [(source.part, source.into) for source in origin.sources]
    assert len(set(places)) == len(places)
    for source in origin.sources:
        assert re.fullmatch(r"([0-9a-f]{32})?", getattr(source, "md5", ""))
        assert re.fullmatch(r"([0-9a-f]{64})?", getattr(source, "sha256", ""))
        assert not source.into.startswith("/")
        assert ".." not in source.into
        if isinstance(source, WebFile):
            assert source.url.startswith("https://")
        if isinstance(source, HubFiles):
            assert re.fullmatch(r"[0-9a-f]{40}", source.revision)
        if isinstance(source, SynapseFile):
            assert re.fullmatch(r"syn\d+", source.entity)
    assert origin.access == "open" or origin.steps
    assert not any(line.endswith(" ") for line in instructions(table))
    assert source_row(table)["dataset"] == table.name


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_examples_of_the_layout_are_what_the_patterns_match(table):
    patterns = [pattern for task in table.tasks for pattern in ((task.image, task.case), (task.mask, task.case))]
    for task in table.landmark_tasks:
        files = [task.image, *task.sources.values(), *filter(None, (task.transform, task.table))]
        patterns += [(pattern, task.case) for pattern in files]
    patterns += [(pattern, "-") for pattern in table.patient_files]
    compiled = [compile_pattern(pattern, case) for pattern, case in patterns]
    for example in table.origin.layout:
        path = example.partition(" (")[0].replace("<patient>", "0a1b").replace("<study>", "01-01-2000")
        assert any(pattern.match(path) for pattern in compiled), path


@pytest.mark.parametrize("table", FETCHED, ids=lambda table: table.name)
def test_what_is_fetched_is_what_a_build_reads(table, tmp_path):
    miniature.write_miniature(tmp_path / "raw", [table.name], cases=2)
    expected = ids(tmp_path / "raw", table)
    assert expected
    with web() as server:
        sources = tuple(publish(server, table, tmp_path / "raw" / table.name, tmp_path / "hand"))
        served = replace(table, origin=replace(table.origin, sources=sources))
        asks = resolver(services=services(server), token=TOKEN)
        outcome = fetch_dataset(served, (), tmp_path / "root", tmp_path / "hand", asks, Quiet())
        assert outcome.faults == []
        assert len(outcome.fetched) >= len([s for s in sources if not getattr(s, "optional", False)])
        before = len(server.asked)
        again = fetch_dataset(served, (), tmp_path / "root", tmp_path / "hand", asks, Quiet())
    assert ids(tmp_path / "root", table) == expected
    assert (again.fetched, again.faults) == ([], [])
    assert len(server.asked) == before
    assert [path.name for path in (tmp_path / "root").iterdir()] == [table.name]


def publish(server: Web, table: Dataset, raw: Path, hand: Path) -> list[Source]:
    """Serve a raw folder, spread over the sources of its table, whose check sums become those of what is served."""
    files = {path.relative_to(raw).as_posix(): path.read_bytes() for path in sorted(raw.rglob("*")) if path.is_file()}
    sources = list(table.origin.sources)
    if table.name == "AbdomenAtlas1.0Mini":
        hub(server, sources[0].repo, sources[0].revision, files, gated=True)
        return sources
    if table.name == "KiTS23":
        images = {}
        for path in [path for path in files if path.endswith("imaging.nii.gz")]:
            images[f"images/{Path(path).parent.name}.nii.gz"] = files.pop(path)
        hub(server, sources[1].repo, sources[1].revision, images)
        return [_archive(server, sources[0], files, hand), sources[1]]
    if table.name == "OAIZIB-CM":
        tables = {Path(path).name: files.pop(path) for path in list(files) if path.endswith(".csv")}
        hub(server, sources[0].repo, sources[0].revision, {"OAIZIB-CM.zip": packed(files), **tables})
        return sources
    archives = [source for source in sources if source.unpack]
    shares: list[dict[str, bytes]] = [{} for _ in archives]
    tops = sorted({Path(path).parts[0] for path in files})
    whole_folders = table.name == "TotalSegmentator"  # an image and its class files stand together
    for number, (path, data) in enumerate(files.items()):
        share = tops.index(Path(path).parts[0]) if whole_folders else number
        shares[share % len(archives)][path] = data
    found = dict(
        zip(archives, (_archive(server, *pair, hand) for pair in zip(archives, shares, strict=True)), strict=True)
    )
    for source in sources:
        if source not in found:
            synapse(server, source.entity, "more.rar", b"Rar!\x1a\x07 stays as it is")
    return [found.get(source, source) for source in sources]


def _archive(server: Web, source: Source, files: dict[str, bytes], hand: Path) -> Source:
    data = packed(files)
    stated = {"md5": "", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    if isinstance(source, ZenodoFile):
        name = source.name if isinstance(source.name, str) else source.name[-1]
        zenodo(server, source.record, {name: data, "README.txt": b"another"})
        known = source.sha256 or source.md5
        return replace(source, **stated) if known else source
    if isinstance(source, SynapseFile):
        synapse(server, source.entity, f"{source.entity}.zip", data)
        return source
    if isinstance(source, HandFile):
        hand.mkdir(exist_ok=True)
        (hand / source.name).write_bytes(data)
        return replace(source, **stated)
    assert isinstance(source, WebFile)
    stated = stated if source.fixed else {}
    return replace(source, url=server.serve(f"/{source.into}.zip", data), **stated)


def packed(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return out.getvalue()
