"""The cost of a release: its table sums to the published totals, and the arithmetic equals sums done by hand."""

import json
import re
from pathlib import Path

import cost
import pytest
from counts import COUNTS, CT, HEAD, STATED, Count, Part
from estimate import Assumptions, amount_of, bills, egress_dollars, storage_dollars
from prices import Prices, price_notes
from rates import rates_of

from medvision.sources.registry import DATASETS, find_dataset

PAGE = Path(__file__).resolve().parents[1] / "docs" / "cost.md"


def result(case: str, images: str, seconds: float, written: int, mask: float, image: float) -> dict:
    steps = {"read mask": mask, "read image": image, "encode": 0.0}
    work = {"image_bytes": 10**9, "mask_bytes": 2 * 10**9, "pixel_bytes": 4 * 10**9, "rows": 1000}
    if images != "none":
        work["webdataset_bytes"] = 4 * 10**8
    ours = {"seconds": seconds, "steps": steps, "bytes": written}
    return {"case": case, "images": images, "work": work, "ours": ours}


@pytest.fixture
def results() -> list[dict]:
    """One second an image GB more, and so on: see the rates in the test."""
    return [
        result("ct15", "png16", 10.0, 1_100_000_000, 0.7, 3.0),
        result("ct15", "none", 2.0, 100_000_000, 0.5, 0.001),
        result("brain", "png16", 20.0, 2_100_000_000, 1.4, 6.0),
        result("brain", "none", 4.0, 100_000_000, 1.0, 0.001),
    ]


def test_the_table_sums_to_the_published_totals():
    assert {count.name for count in COUNTS} == set(DATASETS)
    assert len(COUNTS) == 22
    assert sum(part.images for count in COUNTS for part in count.parts) == 29_031
    assert sum(count.images for count in COUNTS) == 29_031
    assert sum(count.masks for count in COUNTS) == 18_206
    slices = {count.name: count.slices for count in COUNTS}
    assert sum(slices.values()) == 11_229_490 + 400  # upstream counts 21 datasets; of the films one slice each
    assert slices["Ceph-Biometrics-400"] == 400


@pytest.mark.parametrize("count", COUNTS, ids=lambda count: count.name)
def test_the_parts_of_a_dataset_make_the_whole(count: Count):
    table = find_dataset(count.name)
    assert sum(part.images for part in count.parts) == table.images_published
    assert sum(part.masks for part in count.parts) == table.masks_published
    assert sum(count.slices_of(part) for part in count.parts) == pytest.approx(count.slices)
    assert count.slices <= sum(part.slices_at_most for part in count.parts), "more slices than its volumes have"


def test_class_files_are_those_of_the_table():
    of = {count.name: count for count in COUNTS}["TotalSegmentator"]
    files = [len(task.class_files) for task in find_dataset("TotalSegmentator").tasks]
    assert [part.mask_files for part in of.parts] == files


def test_rates_leave_no_second_over(results: list[dict]):
    rates = rates_of(results, CT)
    assert rates.image_s == pytest.approx(3e-9)
    assert rates.mask_s == pytest.approx(0.25e-9)
    assert rates.picture_s == pytest.approx((10 - 2 - 3) / 4e9)
    assert rates.row_s == pytest.approx(1.5e-3)
    assert (rates.parquet, rates.webdataset) == pytest.approx((0.6 / 4, 0.4 / 4))
    assert rates.row_bytes == pytest.approx(1e5)
    again = 1e9 * rates.image_s + 2e9 * rates.mask_s + 4e9 * rates.picture_s + 1000 * rates.row_s
    assert again == pytest.approx(10.0)


def test_rates_are_sums_over_cases_and_of_all_where_none_is_alike(results: list[dict]):
    assert rates_of(results, HEAD).image_s == pytest.approx(6e-9)
    assert rates_of(results).image_s == rates_of(results, ("absent",)).image_s == pytest.approx(4.5e-9)


def test_results_without_work_or_without_a_mode_are_refused(results: list[dict]):
    with pytest.raises(ValueError, match="both with images"):
        rates_of(results[:1])
    results[0]["work"] = {}
    with pytest.raises(ValueError, match="no work"):
        rates_of(results)


def test_hours_and_bytes_of_a_dataset(results: list[dict]):
    part = Part(10, 5, (100, 100, 100), 2, CT, STATED, mask_files=3)
    found = amount_of(Count("ACDC", 3000, (part,)), results, Assumptions(noise=2.0))
    mask_bytes, image_bytes, pixel_bytes = 5 * 3 * 10**6, 10 * 2 * 10**6, 2 * 3000 * 100 * 100
    assert found.annotation_hours * 3600 == pytest.approx(mask_bytes * 0.25e-9 + 3000 * 1.5e-3)
    assert found.image_hours * 3600 == pytest.approx(image_bytes * 3e-9 + pixel_bytes * 1.25e-9)
    assert found.annotation_gb == pytest.approx(0.3)
    assert found.parquet_gb == pytest.approx(0.06 * 0.15 * 2)
    assert found.webdataset_gb == pytest.approx(0.06 * 0.1 * 2)
    assert found.archive_gb == pytest.approx(0.01)  # half of the inflated bytes
    assert (found.images, found.slices) == (300, 3000)
    assert amount_of(Count("ACDC", 3000, (part,), 7.0), results, Assumptions()).archive_gb == pytest.approx(7.0)
    assert found.moved_gb == pytest.approx(0.01 + 0.3 + 0.018 + 0.012)


def test_mean_slices_of_a_volume():
    slab = Part(1, 1, (4, 2, 1), 1, CT, STATED)
    sizes = [2] * 4 + [4] * 2 + [8] * 1  # sagittal, coronal, axial
    assert slab.pixels_a_slice == pytest.approx(sum(sizes) / len(sizes))
    assert slab.pixels_a_slice_even == pytest.approx((2 + 4 + 8) / 3)
    film = Part(1, 0, (4, 2, 1), 1, CT, STATED, flat=True)
    assert (film.pixels_a_slice, film.slices_at_most) == (8, 1)


def test_dollars_by_hand():
    laptop, on_demand, spot, dataflow = bills(8.0, 0.0, 8, 4, Assumptions(busy=0.8), Prices())
    assert (laptop.hours, laptop.dollars) == (pytest.approx(2.5), 0.0)
    assert {bill.hours for bill in (on_demand, spot, dataflow)} == {1.25}
    assert on_demand.dollars == pytest.approx(3 * 1.25 * (0.134 + 0.00135))
    assert spot.dollars == pytest.approx(1.25 * (2 * (0.0536 + 0.00135) + 0.13535))
    assert dataflow.dollars == pytest.approx(2 * 1.25 * (4 * 0.056 + 16 * 0.003557 + 25 * 0.000054))
    assert storage_dollars(1.073741824, Prices()) == pytest.approx(0.020)
    assert egress_dollars(1.073741824, Prices()) == pytest.approx(0.12)
    half = bills(8.0, 0.0, 8, 4, Assumptions(busy=0.8, cores_a_vcpu=0.5), Prices())
    assert half[0].hours == laptop.hours
    assert half[3].dollars == pytest.approx(2 * dataflow.dollars)


def test_moving_bytes_may_take_longer_than_computing():
    laptop, *_, dataflow = bills(8.0, 9000.0, 8, 4, Assumptions(disk_mb_s=500, worker_mb_s=250), Prices())
    assert laptop.hours == pytest.approx(5.0)
    assert dataflow.hours == pytest.approx(5.0)  # two workers of four vCPUs
    assert dataflow.dollars == pytest.approx(2 * 5 * (4 * 0.056 + 16 * 0.003557 + 25 * 0.000054))


def test_every_price_has_a_source_until_it_is_yours():
    for _, _, unit, source, read in price_notes(Prices()):
        assert unit
        assert source.startswith("https://")
        assert re.match(r"20\d\d-\d\d-\d\d|assumption", read)
    assert price_notes(Prices(egress_gb=0.0))[-1][3] == "yours"


def test_the_page_is_written_between_its_markers(tmp_path, results, monkeypatch, capsys):
    page, bench = tmp_path / "cost.md", tmp_path / "bench.json"
    page.write_text(PAGE.read_text())
    bench.write_text(json.dumps(results))
    monkeypatch.setattr("sys.argv", ["cost.py", str(bench), "--markdown", str(page), "--dataflow-vcpu-hour", "0.5"])
    cost.main()
    once = page.read_text()
    assert "| dataflow vcpu hour | 0.5 | vCPU-hour, batch | yours |" in once
    assert once.splitlines()[0] == PAGE.read_text().splitlines()[0]
    cost.main()
    assert page.read_text() == once
    page.write_text("no markers")
    with pytest.raises(SystemExit, match="markers"):
        cost.main()
    capsys.readouterr()
