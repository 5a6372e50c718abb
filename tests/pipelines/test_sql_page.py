"""Every recipe of docs/sql.md runs as it stands, on a small release, and answers what the rows say."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from checkout import ROOT
from miniature import write_miniature

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions

FILMS = "Ceph-Biometrics-400"
BLOCK = re.compile(r"^```(sql|python)\n(.*?)^```$", re.M | re.S)
Row = dict[str, Any]


def recipes() -> list[Any]:
    """Title of its section, language and text of each fenced block that is code."""
    found = []
    for section in re.split(r"^## ", (ROOT / "docs/sql.md").read_text(), flags=re.M)[1:]:
        title = section.split("\n", 1)[0]
        for number, (language, text) in enumerate(BLOCK.findall(section)):
            found.append(pytest.param(language, text, id=f"{title}-{language}-{number}"))
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that holds `release/`, as working directory."""
    home = tmp_path_factory.mktemp("sql")
    write_miniature(home / "raw", ["KiTS23", FILMS], cases=3)
    options = BuildOptions(str(home / "raw"), str(home / "release"), ("KiTS23", FILMS), formats=("parquet",))
    run_build(options)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        yield home


def run(language: str, text: str) -> list[Row]:
    """Rows that a recipe answers with."""
    if language == "sql":
        answer = duckdb.sql(text)
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.fetchall()]
    names: Row = {}
    exec(compile(text, "docs/sql.md", "exec"), names)
    result = names.get("result")
    if result is None:
        return [names]
    return list(result.to_dicts()) if hasattr(result, "to_dicts") else list(result.reset_index().to_dict("records"))


def recipe(start: str, language: str = "sql", number: int = 0) -> list[Row]:
    """Answer of the recipe of a section, the `number`-th of its language."""
    texts = [p.values[1] for p in recipes() if p.id.startswith(f"{start}-{language}")]
    return run(language, texts[number])


def rows_of(home: Path, folder: str) -> list[Row]:
    return [row for path in sorted((home / "release").glob(folder)) for row in pq.read_table(path).to_pylist()]


def annotations(home: Path) -> list[Row]:
    return rows_of(home, "annotations/*/*.parquet")


@pytest.mark.parametrize(("language", "text"), recipes())
def test_a_recipe_runs_and_answers(home: Path, language: str, text: str) -> None:
    assert "release/" in text or "release" in text
    assert run(language, text)


def test_there_are_enough_recipes_of_both() -> None:
    languages = Counter(parameter.values[0] for parameter in recipes())
    assert languages["sql"] >= 9
    assert languages["python"] >= 5


@pytest.mark.parametrize("language", ["sql", "python"])
def test_areas_by_label(home: Path, language: str) -> None:
    areas = defaultdict(list)
    for row in annotations(home):
        for segment in row["segments"] if row["plane"] == "axial" else ():
            areas[row["dataset"], segment["name"]].append(segment["area_mm2"])
    found = recipe("Areas by label", language)
    assert [(row["dataset"], row["label"]) for row in found] == sorted(areas)
    for row in found:
        expected = areas[row["dataset"], row["label"]]
        assert row["slices"] == len(expected)
        assert row["mean_mm2"] == pytest.approx(np.mean(expected), abs=0.06)
        assert row["largest_mm2"] == pytest.approx(max(expected), abs=0.06)


def test_pairs_with_their_slices(home: Path) -> None:
    slices = {row["slice_id"]: row for row in annotations(home)}
    pairs = [row for row in rows_of(home, "pairs/*_MaskSize_*_Axial_*/*.parquet") if row["single_instance"]]
    found = recipe("Pairs with their slices")
    assert [row["pair_id"] for row in found] == sorted(pair["pair_id"] for pair in pairs)
    by_id = {pair["pair_id"]: pair for pair in pairs}
    for row in found:
        pair = by_id[row["pair_id"]]
        assert row["area_mm2"] == pair["ROI_area"]
        assert row["obliquity_deg"] == slices[pair["slice_id"]]["obliquity_deg"]


def test_boxes(home: Path) -> None:
    boxes = [
        (box["pixel_count"], row["slice_id"], box["min_rc"])
        for row in annotations(home)
        for segment in row["segments"]
        for box in segment["boxes"]
        if row["plane"] == "axial"
    ]
    found = [(row["pixel_count"], row["slice_id"], row["min_rc"]) for row in recipe("Boxes, one a row")]
    largest = sorted(boxes, key=lambda box: (-box[0], box[1]))[:20]
    assert [row[:2] for row in found] == [box[:2] for box in largest]


def test_lesions_above_10_mm(home: Path) -> None:
    measured = [
        lesion["measure_mm"]
        for row in rows_of(home, "volumes/*/*.parquet")
        for group in row["lesions"]
        for lesion in group["lesions"]
        if lesion["measure_mm"] is not None and lesion["measure_mm"] > 10
    ]
    found = recipe("Lesions above 10 mm")
    assert [row["measure_mm"] for row in found] == pytest.approx(sorted(measured, reverse=True), abs=0.06)
    majors = [
        (ellipse["major_mm"], row["slice_id"])
        for row in annotations(home)
        for lesion in row["lesions"]
        for ellipse in lesion["ellipses"]
        if ellipse["major_mm"] > 10
    ]
    found = recipe("Lesions above 10 mm", "python")
    assert [(row["major_mm"], row["slice_id"]) for row in found] == sorted(majors, reverse=True)


def test_spacing_and_balance(home: Path) -> None:
    volumes = rows_of(home, "volumes/*/*.parquet")
    for row in recipe("Spacing and slice thickness"):
        mine = [v for v in volumes if v["dataset"] == row["dataset"]]
        thick = [v["header_spacing_mm"][v["acquisition_dim"]] for v in mine]
        assert (row["images"], row["thinnest_mm"], row["thickest_mm"]) == (len(mine), min(thick), max(thick))
        assert row["median_pixel_mm"] == pytest.approx(np.median([min(v["header_spacing_mm"]) for v in mine]))
    sides = defaultdict(set)
    slices: Counter[tuple[str, str]] = Counter()
    for row in annotations(home):
        sides[row["dataset"], row["side"]].add(row["patient"])
        slices[row["dataset"], row["side"]] += 1
    found = {(row["dataset"], row["side"]): row for row in recipe("Balance of the split")}
    assert {key: row["patients"] for key, row in found.items()} == {key: len(group) for key, group in sides.items()}
    assert {key: row["slices"] for key, row in found.items()} == dict(slices)


@pytest.mark.parametrize("language", ["sql", "python"])
def test_slices_that_show_two_labels(home: Path, language: str) -> None:
    expected = [
        row["slice_id"]
        for row in annotations(home)
        if row["plane"] == "axial" and {1, 2} <= {segment["label"] for segment in row["segments"]}
    ]
    assert [row["slice_id"] for row in recipe("Slices that show two labels", language)] == sorted(expected)
    assert expected


def test_a_picture_as_a_file(home: Path) -> None:
    (names,) = recipe("A picture as a file", "python")
    row = min((r for r in rows_of(home, "data/*/*.parquet") if r["plane"] == "axial"), key=lambda r: r["slice_id"])
    assert names["name"] == row["slice_id"]
    pixels = cv2.imread(str(home / f"{row['slice_id']}.png"), cv2.IMREAD_UNCHANGED)
    assert pixels.shape == (row["height"], row["width"])
    assert (home / f"{row['slice_id']}.png").read_bytes() == row["image"]["bytes"]


def test_dead_letters(home: Path) -> None:
    letters = Counter((row["dataset"], row["reason"]) for row in rows_of(home, "dead_letters/*.parquet"))
    found = {(row["dataset"], row["reason"]): row["cases"] for row in recipe("What was left out, and why")}
    assert found == dict(letters)
    assert (FILMS, "landmarks_missing") in found


def test_measures_between_landmarks(home: Path) -> None:
    values = {
        (row["case_id"], measure["source"], measure["name"]): measure["value"]
        for row in annotations(home)
        for measure in row["biometrics"]
        if measure["definition"] == "exact"
    }
    table = recipe("Measures between landmarks")
    assert len(table) == len({key[:2] for key in values})
    for row in table:
        for name in ("SNA", "SNB", "ANB", "ODI", "APDI", "FMA"):
            assert row[name] == pytest.approx(values[row["case_id"], row["reader"], name], abs=0.006)
    for row in recipe("Measures between landmarks", number=1):
        cases = {case for case, _, name in values if name == row["name"]}
        apart = [abs(values[c, "senior", row["name"]] - values[c, "junior", row["name"]]) for c in cases]
        if row["name"] in ("SNA", "FHI"):
            assert (row["cases"], row["mean_difference"]) == (len(cases), pytest.approx(np.mean(apart), abs=0.006))
