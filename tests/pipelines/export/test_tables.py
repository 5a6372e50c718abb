"""CSV tables against the rows, as the csv module of Python reads them."""

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tiny_release import TinyRelease

from medvision.pipelines.export.job import FormOptions
from medvision.pipelines.export.run import export_release
from medvision.pipelines.export.select import Selection

Row = dict[str, Any]
NAMES = ("slices", "boxes", "masks", "lesions", "landmarks", "measures")


def read(path: Path) -> list[dict[str, str]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    assert b"\r" not in content
    assert content.endswith(b"\n")
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))


def rows_of(release: Path) -> list[Row]:
    return [row for path in sorted(release.glob("annotations/*/*.parquet")) for row in pq.read_table(path).to_pylist()]


def numbers(row: dict[str, str], *names: str) -> list[float]:
    return [float(row[name]) for name in names]


@pytest.fixture(scope="module", params=["1.4.0", "exact"])
def exported(request: Any, version: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Row], dict]:
    out = tmp_path_factory.mktemp("csv") / request.param
    release = version(request.param)
    done = export_release(str(release), "csv", str(out))
    tables = {name: read(out / f"{name}.csv") for name in NAMES}
    assert dict(done.counts) == {name: len(table) for name, table in tables.items() if table}
    return request.param, rows_of(release), tables


def test_slices(exported: Any) -> None:
    _, rows, tables = exported
    assert [row["slice_id"] for row in tables["slices"]] == [row["slice_id"] for row in rows]
    for found, row in zip(tables["slices"], rows, strict=True):
        assert numbers(found, "height_px", "width_px") == [row["height"], row["width"]]
        assert numbers(found, "pixel_spacing_row_mm", "pixel_spacing_column_mm") == row["pixel_spacing_mm"]
        affine = numbers(found, *(f"affine_ras_{r}{c}" for r in range(3) for c in range(4)))
        assert affine == row["affine_ras"][:12]
        assert found["flags"] == ";".join(row["flags"])


def test_boxes_and_masks(exported: Any) -> None:
    rules, rows, tables = exported
    expected = []
    for row in rows:
        for segment in row["segments"]:
            for number, box in enumerate(segment["boxes" if rules != "exact" else "instances"]):
                low = box["min_rc"] if rules != "exact" else box["start_rc"]
                high = box["max_rc"] if rules != "exact" else [n - 1 for n in box["stop_rc"]]
                expected.append([row["slice_id"], segment["label"], number, *low, *high, box["pixel_count"]])
    places = ("label", "box", "min_row_px", "min_column_px", "max_row_px", "max_column_px", "pixel_count_px")
    assert [[row["slice_id"], *numbers(row, *places)] for row in tables["boxes"]] == expected
    masks = [
        [row["slice_id"], s["name"], s["area_mm2"], len(s["boxes" if rules != "exact" else "instances"])]
        for row in rows
        for s in row["segments"]
    ]
    found = [[m["slice_id"], m["label_name"], *numbers(m, "area_mm2", "components")] for m in tables["masks"]]
    assert found == masks


def test_box_sizes_are_in_mm(exported: Any) -> None:
    _, rows, tables = exported
    spacing = {row["slice_id"]: row["mask_pixel_spacing_mm"] for row in rows}
    for box in tables["boxes"]:
        rows_mm, columns_mm = spacing[box["slice_id"]]
        low, high = numbers(box, "min_row_px", "min_column_px"), numbers(box, "max_row_px", "max_column_px")
        assert float(box["height_mm"]) == pytest.approx((high[0] - low[0] + 1) * rows_mm, rel=1e-5)
        assert float(box["width_mm"]) == pytest.approx((high[1] - low[1] + 1) * columns_mm, rel=1e-5)


def test_lesions_of_both_definitions(exported: Any) -> None:
    _, rows, tables = exported
    conics = [
        [row["slice_id"], e["major_mm"], *e["minor_start_rc"]]
        for row in rows
        for n in row["lesions"]
        for e in n["ellipses"]
    ]
    regions = [(row["slice_id"], r) for row in rows for n in row["lesions"] for r in n["regions"]]
    found = [r for r in tables["lesions"] if r["definition"] == "conic"]
    places = ("major_mm", "minor_start_row_px", "minor_start_column_px")
    assert [[row["slice_id"], *numbers(row, *places)] for row in found] == conics
    assert all(not row["longest_mm"] and not row["longest_end_row_px"] for row in found)
    exact = [row for row in tables["lesions"] if row["definition"] == "exact"]
    assert len(exact) == len(regions) > 5
    missing = 0
    for row, (slice_id, region) in zip(exact, regions, strict=True):
        assert row["slice_id"] == slice_id
        assert float(row["feret_mm"]) == region["feret"]["length_mm"]
        for line in ("longest", "perpendicular"):
            if region[line] is None:
                assert not any(row[name] for name in row if name.startswith(line))
                missing += 1
            else:
                assert float(row[f"{line}_mm"]) == region[line]["length_mm"]
                assert numbers(row, f"{line}_end_row_px", f"{line}_end_column_px") == region[line]["end_rc"]
    assert missing  # off the acquisition plane


def test_landmarks_and_measures(exported: Any) -> None:
    _, rows, tables = exported
    points = [[row["slice_id"], *p["world_mm"], *p["native_mm"]] for row in rows for p in row["landmarks"]]
    places = ("x_mm", "y_mm", "z_mm", "native_x_mm", "native_y_mm", "native_z_mm")
    assert [[row["slice_id"], *numbers(row, *places)] for row in tables["landmarks"]] == points
    measures = [[row["slice_id"], m["key"], m["value"]] for row in rows for m in row["biometrics"]]
    assert [[m["slice_id"], m["key"], float(m["value_mm"])] for m in tables["measures"]] == measures
    assert not any(m["value_degree"] or m["value_ratio"] for m in tables["measures"])
    assert points


def test_text_that_begins_like_a_formula_is_made_safe(tmp_path: Path) -> None:
    tiny = TinyRelease.correct()
    hostile = ["=1+1", "+2", "-3", "@x", "\tx", "\rx", '=HYPERLINK("http://x","a,b")\n', "'quoted", "a=b", "µ,é"]
    rows = tiny.shards["train-00000-of-00002"]
    for row, text in zip([*rows, *rows], hostile[:6], strict=True):
        row["source_path"] = text
    rows[0]["segments"][0]["name"], rows[0]["segments"][1]["name"] = hostile[6], hostile[9]
    rows[1]["segments"][0]["name"], rows[1]["segments"][1]["name"] = hostile[7], hostile[8]
    export_release(str(tiny.write(tmp_path / "r")), "csv", str(tmp_path / "o"))
    names = [row["label_name"] for row in csv.DictReader((tmp_path / "o/masks.csv").open(newline=""))]
    sides = [row["side"] for row in csv.DictReader((tmp_path / "o/slices.csv").open(newline=""))]
    assert sides[:3] == ["test"] * 3
    assert names[6:10] == ["'" + hostile[6], hostile[9], hostile[7], hostile[8]]
    paths = [row["source_path"] for row in csv.DictReader((tmp_path / "o/slices.csv").open(newline=""))]
    assert paths[3:6] == ["'" + text for text in hostile[3:6]]
    for path in sorted((tmp_path / "o").glob("*.csv")):
        for row in csv.reader(path.open(newline="")):
            numeric = [cell.replace(".", "").replace("e-", "").lstrip("-").isdigit() for cell in row]
            assert not any(
                c[:1] in ("=", "+", "-", "@", "\t", "\r") and not n for c, n in zip(row, numeric, strict=True)
            )


def test_packed_tables_hold_the_same(version: Any, tmp_path: Path) -> None:
    chosen = Selection(datasets=("KiTS23",), planes=("coronal",))
    for name, packed in (("plain", False), ("packed", True), ("again", True)):
        options = FormOptions(gzip=packed)
        export_release(str(version("1.4.0")), "csv", str(tmp_path / name), chosen, options)
    plain = sorted((tmp_path / "plain").glob("*.csv"))
    assert len(plain) == len(NAMES)
    for path in plain:
        packed_bytes = (tmp_path / "packed" / f"{path.name}.gz").read_bytes()
        assert gzip.decompress(packed_bytes) == path.read_bytes()
        assert (tmp_path / "again" / f"{path.name}.gz").read_bytes() == packed_bytes
    found = read(tmp_path / "plain/slices.csv")
    assert {(row["dataset"], row["plane"]) for row in found} == {("KiTS23", "coronal")}
