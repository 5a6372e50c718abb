"""A release in a notebook: configs, rows and tables by name, its summary, and a build from Python."""

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from tiny_release import TinyRelease, edit_manifest
from tiny_rows import DATASET

import medvision
from medvision.pipelines.release import ReleaseError, open_release
from medvision.schemas.options import BuildOptions


def test_configs_count_the_rows_of_each_split(built) -> None:
    release = open_release(str(built.out))
    configs = release.configs()
    folders = {path.name for path in (built.out / "pairs").iterdir()}
    others = {f"{name}{what}" for name in ("ACDC", "KiTS23") for what in ("", "_annotations", "_volumes")}
    assert set(configs) == folders | others
    for config in folders:
        (split,) = configs[config]
        assert configs[config][split] == ds.dataset(built.out / "pairs" / config).count_rows()
    for split, rows in configs["KiTS23"].items():
        files = (built.out / "data/KiTS23").glob(f"{split}-*.parquet")
        assert rows == sum(pq.read_metadata(path).num_rows for path in files)
    assert list(configs["ACDC"]) == sorted(configs["ACDC"], reverse=True)


def test_configs_are_those_of_the_card(built) -> None:
    """Those of a single plane are the card's alone: a filter of the Hugging Face library over the same files."""
    lines = (built.out / "README.md").read_text().partition("\ndataset_info:")[0].splitlines()
    names = [line.partition(": ")[2] for line in lines if "config_name" in line]
    assert {"ACDC_axial", "KiTS23_axial"} <= set(names)
    assert list(open_release(str(built.out)).configs()) == [name for name in names if not name.endswith("_axial")]


def test_rows_are_those_of_the_files_in_order(built) -> None:
    release = open_release(str(built.out))
    files = sorted((built.out / "data/ACDC").glob("train-*.parquet"))
    expected = [row for path in files for row in pq.read_table(path).to_pylist()]
    assert list(release.rows("ACDC", "train")) == expected
    assert len(expected) > 10
    assert medvision.render(expected[0])._repr_png_().startswith(b"\x89PNG")


def test_a_table_holds_the_asked_columns_of_all_splits(built) -> None:
    release = open_release(str(built.out))
    table = release.table("KiTS23", columns=["task", "slice_id"])
    assert table.column_names == ["slice_id", "task"]
    assert table.num_rows == sum(release.configs()["KiTS23"].values())
    whole = release.table("KiTS23_MaskSize_Task01_Axial_Train")
    assert whole.equals(pq.read_table(built.out / "pairs/KiTS23_MaskSize_Task01_Axial_Train"))


def test_batches_hold_one_at_a_time(tmp_path: Path) -> None:
    """3,000 rows with 20 kB of picture each: 60 MB in the file, of which a batch holds 32 rows."""
    tiny = TinyRelease.correct()
    root = tiny.write(tmp_path)
    release = open_release(str(root))
    file = release.files("data")[0]
    table = release.parquet(file.path).read().slice(0, 1)
    noise = bytes(range(256)) * 80
    rows = pa.concat_tables([table] * 3000)
    image = pa.array(
        [{"bytes": noise + i.to_bytes(4, "big"), "path": ""} for i in range(3000)], rows.schema.field("image").type
    )
    rows = rows.set_column(0, rows.schema.field("image"), image)
    pq.write_table(
        rows, root / file.path, row_group_size=3000, write_batch_size=32, compression="none", use_dictionary=False
    )
    before, peak, count = pa.total_allocated_bytes(), 0, 0
    for batch in release.batches(DATASET, file.path.rpartition("/")[2].partition("-")[0], columns=["image"]):
        peak = max(peak, pa.total_allocated_bytes() - before)
        count += batch.num_rows
    assert count >= 3000
    assert peak < 15e6


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    tiny = TinyRelease.correct()
    tiny.pairs["BoxSize"] = []
    release = open_release(str(tiny.write(tmp_path)))
    (config,) = (name for name in release.configs() if "_BoxSize_" in name)
    table = release.table(config, columns=["label", "pair_id"])
    assert (table.num_rows, table.column_names) == (0, ["label", "pair_id"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("KiTS24",), r"no config 'KiTS24'; configs\(\) lists them, such as KiTS23"),
        (("nothing like it",), "such as ACDC, ACDC_BoxSize_Task01_Axial_T"),
        (("KiTS23", "validation"), "no split 'validation'; it has"),
        (("KiTS23", None, ["slice_id", "area"]), "no column 'area'; its columns are image, slice_id"),
        (("../../etc",), "no config"),
    ],
)
def test_a_wrong_name_says_what_there_is(built, arguments: tuple, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        open_release(str(built.out)).table(*arguments)


def test_the_summary_counts_and_lines_up(built) -> None:
    release = open_release(str(built.out))
    head, names, *lines = repr(release).splitlines()
    item = release.manifest["datasets"]["KiTS23"]
    slices = sum(part["slices"] for part in release.manifest["datasets"].values())
    pairs = sum(sum(part["pairs"].values()) for part in release.manifest["datasets"].values())
    assert head == f"<release {built.out} by rules 1.4.0: 2 datasets, {slices:,} slices, {pairs:,} pairs>"
    assert names.split() == ["dataset", "cases", "slices", "boxes", "masks", "lesions", "landmarks", "left", "out"]
    kinds = [item["pairs"][kind] for kind in ("BoxSize", "MaskSize", "TumorLesionSize")]
    assert lines[1].split() == ["KiTS23", *map("{:,}".format, [item["cases"], item["slices"], *kinds]), "0", "0"]
    assert len({len(line) for line in (names, *lines)}) == 1


def test_the_summary_is_harmless_and_says_what_is_missing(tmp_path: Path) -> None:
    root = TinyRelease.correct().write(tmp_path / "<b>release")
    summary = open_release(str(root)).manifest["datasets"][DATASET]
    hostile = {"<script>alert(1)</script>": {**summary, "bytes": 0}}
    edit_manifest(root, datasets=hostile, complete=False, unbuilt=["a/1", "a/2"], rules="<i>")
    html = open_release(str(root))._repr_html_()
    assert "<script" not in html
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "incomplete: 2 cases unbuilt" in html


def test_build_makes_the_release_of_the_command(raw: Path, built, tmp_path: Path) -> None:
    places = {"raw": str(raw), "out": str(tmp_path / "out")}
    release = medvision.build("KiTS23", **places, planes=["axial"], formats=["parquet"], private=True)
    assert release.manifest["switches"]["planes"] == ["axial"]
    expected = open_release(str(built.out))
    for config in ("KiTS23", "KiTS23_annotations", "KiTS23_TumorLesionSize_Task01_Axial_Train"):
        assert release.table(config).equals(expected.table(config))
    assert medvision.validate_release(release.url).ok
    assert medvision.count_release(release.url).datasets["KiTS23"].masks == 2


def test_build_keeps_images_as_the_command_does(raw: Path, tmp_path: Path) -> None:
    """KiTS23 is CC BY-NC-SA and may not be passed on: images enter a private copy alone, and no commercial one."""
    places = {"raw": str(raw), "out": str(tmp_path / "out")}
    shared = medvision.build("KiTS23", **places, planes=["axial"], formats=["parquet"])
    assert shared.manifest["annotations_only"] == ["KiTS23"]
    assert "KiTS23" not in shared.configs()
    choice = {"private": True, "licences": "commercial", "replace": True}
    commercial = medvision.build("KiTS23", **places, planes=["axial"], formats=["parquet"], **choice)
    assert commercial.manifest["annotations_only"] == ["KiTS23"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rules": "2.0.0"}, "rules '2.0.0' is not of 1.0.0, "),
        ({"planes": ["axial", "oblique"]}, "planes 'oblique' is not of sagittal, coronal, axial"),
        ({"planes": "axial"}, "planes 'axial' is not of .*; give a list of these names"),
        ({"formats": ["csv"]}, "formats 'csv' is not of parquet, webdataset, plans"),
        ({"licences": "MIT"}, "no dataset has the licence MIT; give any, commercial, or some of "),
        ({"images": "jpg"}, "images 'jpg' is not of png16, png8, none"),
    ],
)
def test_build_refuses_what_the_command_refuses(options: dict, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        medvision.build("ACDC", raw=str(tmp_path), out=str(tmp_path / "out"), **options)


def test_build_takes_every_option_of_a_build() -> None:
    import inspect

    theirs = set(BuildOptions.__dataclass_fields__) - {"progress_dir", "run_id", "annotations_only", "isolated"}
    assert set(inspect.signature(medvision.build).parameters) == theirs | {"workers", "licences", "private"}


def test_public_names_are_listed_and_loaded_on_use() -> None:
    assert set(medvision.__all__) <= set(dir(medvision))
    for name in medvision.__all__:
        assert getattr(medvision, name)
    with pytest.raises(AttributeError, match="no attribute 'rendre'"):
        medvision.rendre  # noqa: B018
