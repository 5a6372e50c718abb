"""`medvision report`: what the page says against the release's files, counted in another way."""

import base64
import hashlib
import io
import json
import re
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pytest
from PIL import Image
from report_page import Page, number, read_page
from tiny_release import TinyRelease

from medvision.pipelines.main import main
from medvision.pipelines.report.run import write_report
from medvision.pipelines.validate import validate_release


@pytest.fixture(scope="module")
def release(built, tmp_path_factory) -> Path:
    """A copy of the release with its report in it."""
    out = tmp_path_factory.mktemp("reported") / "release"
    shutil.copytree(built.out, out)
    assert main(["report", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def page(release) -> Page:
    return read_page(release / "report/index.html")


def sql(query: str, release: Path) -> list[tuple]:
    return duckdb.sql(query.replace("$", str(release))).fetchall()


def test_counts_of_datasets_are_the_files(page, release):
    slices = sql(
        "SELECT dataset, count(*), count(*) FILTER (side = 'train') FROM '$/annotations/*/*.parquet' GROUP BY 1",
        release,
    )
    rows = {row["dataset"]: row for row in page.rows("datasets")}
    assert set(rows) == {name for name, *_ in slices} == {"ACDC", "KiTS23"}
    for name, count, train in slices:
        assert number(rows[name]["axial"]) == count
        assert (number(rows[name]["train"]), number(rows[name]["test"])) == (train, count - train)
        for kind, head in (("BoxSize", "boxes"), ("MaskSize", "masks"), ("TumorLesionSize", "lesion axes")):
            if list(release.glob(f"pairs/{name}_{kind}_*")):
                ((pairs,),) = sql(f"SELECT count(*) FROM '$/pairs/{name}_{kind}_*/*.parquet'", release)
                assert number(rows[name][head]) == pairs
            else:
                assert rows[name][head] == "·"
        ((size,),) = sql(f"SELECT sum(bytes) FROM '$/files.parquet' WHERE dataset = '{name}'", release)
        assert number(rows[name]["MB"]) == pytest.approx(size / 1e6, abs=0.06)


def test_sizes_of_labels_are_quantiles_of_their_rows(page, release):
    query = """SELECT dataset, s.name, count(*), list(s.area_mm2)
               FROM (SELECT dataset, unnest(segments) s FROM '$/annotations/*/*.parquet') GROUP BY 1, 2"""
    found = {(name, label): (count, areas) for name, label, count, areas in sql(query, release)}
    boxes = sql(
        """SELECT dataset, s.name, list(greatest(b.size_mm[1], b.size_mm[2])) FROM (SELECT dataset, s, unnest(s.boxes) b
           FROM (SELECT dataset, unnest(segments) s FROM '$/annotations/*/*.parquet')) GROUP BY 1, 2""",
        release,
    )
    longer = {(name, label): sides for name, label, sides in boxes}
    rows = page.rows("labels")
    assert {(row["dataset"], row["label"]) for row in rows} == set(found)
    for row in rows:
        count, areas = found[row["dataset"], row["label"]]
        assert number(row["slices"]) == count
        assert number(row["area mm²"]) == pytest.approx(np.median(areas), rel=0.006)
        sides = longer[row["dataset"], row["label"]]
        low, high = (float(text.replace(",", "")) for text in row["longer side mm"].split()[1].split("–"))
        assert (low, high) == pytest.approx(tuple(np.quantile(sides, (0.05, 0.95))), rel=0.006)


def test_a_slice_of_two_labels_without_a_name_counts_once(tmp_path):
    tiny = TinyRelease.correct()
    for row in (row for rows in tiny.shards.values() for row in rows):
        for segment in row["segments"]:
            segment["name"] = ""
    write_report(str(tiny.write(tmp_path / "release")), str(tmp_path / "page.html"), samples=0)
    (row,) = read_page(tmp_path / "page.html").rows("labels")
    assert (row["label"], row["slices"]) == ("(unnamed)", "9")


def test_tiny_masks_are_counted(page, release):
    query = "SELECT count(*) FROM (SELECT unnest(segments) s FROM '$/annotations/*/*.parquet') WHERE s.pixel_count < 10"
    ((tiny,),) = sql(query, release)
    words = " ".join("".join(page.words).split())
    assert (f"Tiny masks {tiny:,} labels of slices" in words) == bool(tiny)


def test_every_card_shows_what_its_row_has(page, release):
    cards = page.of("article")
    assert {tuple(json.loads(card["data-dataset"])) for card in cards} == {("ACDC",), ("KiTS23",)}
    shown = {(json.loads(card["data-dataset"])[0], label) for card in cards for label in json.loads(card["data-label"])}
    assert shown == {(row["dataset"], row["label"]) for row in page.rows("labels")}
    assert {kind for card in cards for kind in json.loads(card["data-kind"])} == {
        "BoxSize",
        "MaskSize",
        "TumorLesionSize",
    }
    ids = [card["data-slice"] for card in cards]
    assert len(set(ids)) == len(ids)
    for card in cards:
        ((names, plane),) = sql(
            "SELECT [s.name for s in segments], plane FROM '$/annotations/*/*.parquet' "
            f"WHERE slice_id = '{card['data-slice']}'",
            release,
        )
        assert sorted(json.loads(card["data-label"])) == sorted(names)
        assert json.loads(card["data-plane"]) == [plane]


def test_pictures_are_in_the_page(page):
    sources = [image["src"] for image in page.of("img") if "src" in image]
    assert len(sources) == len(page.of("article"))
    for source in sources:
        picture = Image.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))))
        assert max(picture.size) == 560


def test_the_page_asks_for_nothing_and_runs_only_its_own_script(page):
    policy = next(meta["content"] for meta in page.of("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    addresses = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    links = [attributes["href"] for attributes in page.of("a")]
    assert all(address.startswith(("data:", "#")) for address in addresses if address not in links)
    assert not [attributes for _, attributes in page.tags if "style" in attributes]
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)


def test_the_release_still_validates_and_says_nothing_of_its_place(page, release):
    assert all(check.ok for check in validate_release(str(release), "normal").checks)
    assert str(release.parent) not in page.text


def test_equal_releases_give_equal_pages(release, built, tmp_path):
    write_report(str(built.out), str(tmp_path / "again.html"))
    assert (tmp_path / "again.html").read_bytes() == (release / "report/index.html").read_bytes()


def test_a_page_keeps_to_its_bytes(built, tmp_path):
    full = write_report(str(built.out), str(tmp_path / "full.html"))
    less = write_report(str(built.out), str(tmp_path / "less.html"), most_mb=full.bytes * 0.7 / 1e6)
    none = write_report(str(built.out), str(tmp_path / "none.html"), samples=0)
    two = write_report(str(built.out), str(tmp_path / "two.html"), samples=2)
    assert less.bytes <= full.bytes * 0.7
    assert (none.slices, two.slices) == (0, 2)
    assert "No slices are shown" in (tmp_path / "none.html").read_text()
    datasets = {json.loads(card["data-dataset"])[0] for card in read_page(tmp_path / "two.html").of("article")}
    assert datasets == {"ACDC", "KiTS23"}
    with pytest.raises(ValueError, match="without pictures"):
        write_report(str(built.out), str(tmp_path / "tiny.html"), most_mb=0.01)


@pytest.mark.parametrize("rules", ["1.4.0", "exact"])
def test_a_release_without_images_shows_its_annotations(version, tmp_path, rules):
    done = write_report(str(version(rules)), str(tmp_path / "page.html"))
    page = read_page(tmp_path / "page.html")
    assert done.imageless == 3
    assert "This release has no images." in "".join(page.words)
    assert {json.loads(card["data-dataset"])[0] for card in page.of("article")} == {"CAMUS", "FeTA24", "KiTS23"}
    measures = {(row["dataset"], row["measure"]): row for row in page.rows("landmarks")}
    query = f"""SELECT b.name, list(b.value) FROM (SELECT unnest(biometrics) b FROM '$/annotations/FeTA24/*.parquet')
                WHERE b.primary AND b.definition = '{"exact" if rules == "exact" else "upstream"}' GROUP BY 1"""
    found = sql(query, version(rules))
    assert found
    for name, values in found:
        assert number(measures["FeTA24", name]["values"]) == len(values)
        assert number(measures["FeTA24", name]["median"]) == pytest.approx(np.median(values), rel=0.006)


@pytest.mark.parametrize(("to", "word"), [("page.pdf", ".html"), ("file.html/page.html", "cannot be written")])
def test_a_place_that_is_none_exits_with_2(built, capsys, monkeypatch, tmp_path, to, word):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.html").write_text("")
    assert main(["report", str(built.out), "--to", to, "--samples", "0"]) == 2
    assert word in capsys.readouterr().err
