"""Rows of a tiny release by hand, and what the command promises of files, choice and failures."""

import io
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from miniature import write_miniature
from pages import DOCS
from PIL import Image
from tiny_release import TinyRelease, png
from tiny_rows import DATASET

import medvision
from medvision.pipelines.cli import prompts as command
from medvision.pipelines.export.folder import ExportFolder
from medvision.pipelines.main import main
from medvision.pipelines.prompts import options as known
from medvision.pipelines.prompts.files import JsonLines
from medvision.pipelines.prompts.options import PromptOptions
from medvision.pipelines.prompts.run import write_prompts
from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.schemas.prompts import QUESTIONS
from medvision.transforms.processor_sizes import PROCESSORS
from medvision.transforms.split import SIDES

Row = dict[str, Any]
Rows = Callable[[Path], list[Row]]
FIRST = "Tiny-Set_1-case_00-t01-axial-0000"


def made(release: Path, out: Path, **options: Any) -> Counter[str]:
    return write_prompts(str(release), str(out), PromptOptions(**options)).counts


def of_slice(rows: list[Row], slice_id: str = FIRST) -> dict[str, Row]:
    return {row["pair_id"].removeprefix(f"{slice_id}-"): row for row in rows if row["slice_id"] == slice_id}


def test_each_kind_by_hand(release: Path, tmp_path: Path, rows_of: Rows) -> None:
    counts = made(release, tmp_path / "out")
    assert counts == {
        **{"box": 18, "mask": 9, "lesion": 9, "distance": 9, "angle": 9},
        **{"split train": 54, "pictures": 27},  # liver by soft tissue, lung by its own window, landmarks by percentiles
    }
    found = of_slice(rows_of(tmp_path / "out"))
    assert {name: row["target"] for name, row in found.items()} == {
        "box-01-1": [2 / 10, 5 / 8, 3 / 10, 7 / 8],
        "box-01-2": [2 / 10, 1 / 8, 9 / 10, 7 / 8],
        "mask-01-1": [2.87109375],
        "lesion-01-2": [3.5, 1.25],
        "landmark-01-L-1-2": [2.25],
        "landmark-01-A": [81.25],
    }
    assert found["box-01-1"]["answer"] == "<answer>0.200, 0.625, 0.300, 0.875</answer>"
    assert found["mask-01-1"]["answer"] == "<answer>2.871</answer>"
    assert [found[name]["kind"] for name in ("box-01-1", "landmark-01-A")] == ["box", "angle"]
    assert [found[name]["unit"] for name in found] == [
        {"box": "", "mask": "mm2", "lesion": "mm", "distance": "mm", "angle": "degree"}[row["kind"]]
        for row in found.values()
    ]
    mask = found["mask-01-1"]
    assert (mask["picture_wh"], mask["image_wh"], mask["pixel_mm_wh"]) == ([10, 8], [10, 8], [0.8203125, 0.5])
    assert "10 pixels wide and 8 pixels high. Each pixel is 0.820 millimeters wide and 0.500" in mask["question"]
    assert "the sella and the nasion" in found["landmark-01-L-1-2"]["question"]
    assert (
        "the sella and the nasion, and the line through the nasion and the subspinale"
        in found["landmark-01-A"]["question"]
    )
    assert mask["config"] == f"{DATASET}_MaskSize_Task01_Axial_Train"
    assert mask["window"] == [400.0, 40.0]
    assert found["lesion-01-2"]["window"] == [1500.0, -600.0]
    assert found["landmark-01-A"]["window"] is None
    assert mask["flags"] == ["oblique"]


@pytest.mark.parametrize("orientation", ["array", "radiological"])
@pytest.mark.parametrize("size", [None, (12, 7)])
def test_the_picture_is_the_one_that_render_makes(
    tiny: TinyRelease, release: Path, tmp_path: Path, rows_of: Rows, orientation: str, size: tuple[int, int] | None
) -> None:
    made(release, tmp_path / "out", orientation=orientation, image_size=size)
    data = medvision.open_release(str(release)).find_row(FIRST)
    for name, row in of_slice(rows_of(tmp_path / "out")).items():
        shown = Image.open(io.BytesIO(row["image"]["bytes"]))
        assert shown.mode == "L"
        label = row["label"] or None
        view = medvision.render(data, label=label, orientation=orientation, size=size)
        assert np.array_equal(np.asarray(shown), view.pixels), name
        assert row["picture_wh"] == list(shown.size)
        assert row["pixel_mm_wh"] == [view.pixel_spacing_mm[1], view.pixel_spacing_mm[0]]
        assert row["image"]["path"].startswith(f"{FIRST}-")


def test_resizing_changes_no_target_and_the_pixel_size_with_it(release: Path, tmp_path: Path, rows_of: Rows) -> None:
    made(release, tmp_path / "own")
    made(release, tmp_path / "large", image_size=(32, 20))
    own, large = rows_of(tmp_path / "own"), rows_of(tmp_path / "large")
    assert [row["target"] for row in own] == [row["target"] for row in large]
    assert {tuple(row["pixel_mm_wh"]) for row in large} == {(0.8203125 / 2, 0.5 / 4)}
    assert {tuple(row["image_wh"]) for row in large} == {(20, 32)}


def test_a_processor_that_pads_states_the_canvas_and_pixels_of_the_content(
    release: Path, tmp_path: Path, rows_of: Rows
) -> None:
    """CLIP: 8 x 10 is padded to 10 x 10 and made 336 x 336, so the content is 269 x 336 (268.8 rounded)."""
    made(release, tmp_path / "out", processor="clip-336")
    row = of_slice(rows_of(tmp_path / "out"))["mask-01-1"]
    assert (row["image_wh"], row["content_wh"], row["picture_wh"]) == ([336, 336], [336, 269], [10, 8])
    assert row["pixel_mm_wh"] == [0.8203125 / (336 / 10), 0.5 / (269 / 8)]
    assert "336 pixels wide and 336 pixels high. Each pixel is 0.024 millimeters wide and 0.015" in row["question"]


def test_exact_targets(tiny: TinyRelease, release: Path, tmp_path: Path, rows_of: Rows) -> None:
    made(release, tmp_path / "out", targets="exact")
    found = of_slice(rows_of(tmp_path / "out"))
    assert found["box-01-1"]["target"] == [2 / 10, 4 / 8, 4 / 10, 7 / 8]
    region = next(iter(tiny.shards.values()))[0]["lesions"][0]["regions"][0]
    # 3 x 3 pixels of 0.5 x 0.8203125 mm: an axis of a uniform side s is 4 s / sqrt(12)
    assert found["lesion-01-2"]["target"] == pytest.approx([12 * 0.8203125 / 12**0.5, 12 * 0.5 / 12**0.5])
    assert found["lesion-01-2"]["target"] == [region["major_axis"]["length_mm"], region["minor_axis"]["length_mm"]]
    assert found["mask-01-1"]["target"] == [2.87109375]


def test_a_picture_is_stored_once(tiny: TinyRelease, tmp_path: Path, rows_of: Rows) -> None:
    noise = np.random.default_rng(1)
    for name, rows in tiny.shards.items():
        for row in rows:
            row["height"], row["width"] = 200, 210
            tiny.images[row["slice_id"]] = png(int(noise.integers(1 << 30)), (200, 210))
        assert name
    release = tiny.write(tmp_path / "release")
    counts = made(release, tmp_path / "out")
    pictures = {row["image"]["path"]: row["image"]["bytes"] for row in rows_of(tmp_path / "out")}
    assert len(pictures) == counts["pictures"] == 27
    size = sum(path.stat().st_size for path in (tmp_path / "out/data").iterdir())
    unique = sum(map(len, pictures.values()))
    assert unique <= size < unique + 60_000 < sum(len(row["image"]["bytes"]) for row in rows_of(tmp_path / "out"))
    made(release, tmp_path / "lines", form="jsonl")
    assert len(list((tmp_path / "lines/images").rglob("*.png"))) == 27


def test_json_lines_hold_the_same_rows(release: Path, tmp_path: Path, rows_of: Rows) -> None:
    made(release, tmp_path / "parquet")
    made(release, tmp_path / "lines", form="jsonl")
    lines = [json.loads(line) for line in (tmp_path / "lines/train.jsonl").read_text().splitlines()]
    shards = rows_of(tmp_path / "parquet")
    assert len(lines) == len(shards) == 54
    for line, row in zip(lines, shards, strict=True):
        picture = tmp_path / "lines" / line["image"]
        assert picture.read_bytes() == row["image"]["bytes"]
        assert {**line, "image": 0} == {**row, "image": 0}


def test_pictures_of_a_long_id_are_files_of_their_own(tmp_path: Path) -> None:
    """The windows of a slice differ at the end of the name alone."""
    slice_id = f"Own-{'c' * 130}-t01-axial-0003"
    with JsonLines(ExportFolder(tmp_path)) as lines:
        rows = [{"slice_id": slice_id, "image": {"path": f"{slice_id}-{w}.png", "bytes": w.encode()}} for w in "ab"]
        lines.add("train", rows)
    paths = [json.loads(line)["image"] for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert [(tmp_path / path).read_bytes() for path in paths] == [b"a", b"b"]


def test_pairs_without_pictures_are_counted_as_they_were_chosen(mixed: Path, tmp_path: Path) -> None:
    release = medvision.open_release(str(mixed))
    masks = [config for config in release.configs() if config.startswith("KiTS23_Mask")]
    rows = [row for config in masks for row in release.rows(config)]
    single = sum(row["single_instance"] for row in rows)
    assert 3 < single < len(rows)
    for options, count in (({}, single), ({"instances": "all"}, len(rows)), ({"per_config": 3}, 3 * len(masks))):
        done = write_prompts(str(mixed), str(tmp_path / f"{count}"), PromptOptions(kinds=("mask",), **options))
        assert done.left_out == {("KiTS23", "no_images"): count}


def test_datasets_gives_rgb_pictures(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    import datasets

    made(release, tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].num_rows == 54
    row = loaded["train"][0]
    assert (row["image"].mode, row["image"].size) == ("RGB", (10, 8))
    footer = json.loads(pq.read_schema(next((tmp_path / "out/data").iterdir())).metadata[b"huggingface"])
    assert footer["info"]["features"]["target"] == {
        "feature": {"dtype": "float64", "_type": "Value"},
        "_type": "Sequence",
    }
    made(release, tmp_path / "lines", form="jsonl")
    lines = datasets.load_dataset(str(tmp_path / "lines"), split="train", cache_dir=str(tmp_path / "cache"))
    assert lines["question"] == loaded["train"]["question"]


def test_the_same_release_gives_the_same_bytes(release: Path, tmp_path: Path) -> None:
    for form in ("parquet", "jsonl"):
        for name in ("one", "two"):
            made(release, tmp_path / form / name, form=form)
        one, two = tmp_path / form / "one", tmp_path / form / "two"
        files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
        assert files == sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file())
        assert len(files) >= 3
        for file in files:
            assert (one / file).read_bytes() == (two / file).read_bytes(), file


def test_a_limit_takes_so_many_of_each_config_and_a_lower_one_some_of_those(
    release: Path, tmp_path: Path, rows_of: Rows
) -> None:
    chosen = {}
    for limit in (2, 5, 100):
        made(release, tmp_path / str(limit), per_config=limit)
        rows = rows_of(tmp_path / str(limit))
        chosen[limit] = {row["pair_id"] for row in rows}
        per_config = Counter(row["config"] for row in rows)
        full = {"BoxSize": 18, "MaskSize": 9, "TumorLesionSize": 9, "BiometricsFromLandmarks": 18}
        assert per_config == {f"{DATASET}_{kind}_Task01_Axial_Train": min(limit, count) for kind, count in full.items()}
    assert chosen[2] < chosen[5] < chosen[100]
    made(release, tmp_path / "angles", per_config=4, kinds=("angle",))
    angles = rows_of(tmp_path / "angles")
    assert [row["kind"] for row in angles] == ["angle"] * 4


def test_configs_splits_kinds_and_sets_choose(tiny: TinyRelease, tmp_path: Path, rows_of: Rows) -> None:
    for pair in tiny.pairs["MaskSize"][:4]:
        pair["single_instance"] = False
    release = tiny.write(tmp_path / "release")
    assert made(release, tmp_path / "a")["mask"] == 5
    assert made(release, tmp_path / "b", instances="all")["mask"] == 9
    assert sum(not row["single_instance"] for row in rows_of(tmp_path / "b")) == 4
    counts = made(release, tmp_path / "c", configs=("*_MaskSize_*", "*Lesion*"))
    assert (counts["mask"], counts["lesion"], counts["split train"]) == (5, 9, 14)
    assert made(release, tmp_path / "d", kinds=("distance",)) == {"distance": 9, "split train": 9, "pictures": 9}


def test_what_cannot_be_asked_is_counted(tiny: TinyRelease, tmp_path: Path) -> None:
    tiny.pairs["BoxSize"][0]["label_name"] = ""
    ratio = {"metric_type": "ratio", "metric_map_name": "ratios_map", "metric_key": "FHI", "metric_value": 0.6}
    tiny.pairs["BiometricsFromLandmarks"][0]["biometric_profile"] = ratio
    signed = {**ratio, "metric_type": "angle", "metric_key": "ANB"}
    tiny.pairs["BiometricsFromLandmarks"][1] |= {"biometric_profile": signed, "definition": "exact"}
    far = {"metric_type": "distance", "metric_map_name": "lines_map", "metric_key": "L-1-9", "metric_value": 1.0}
    tiny.pairs["BiometricsFromLandmarks"][2]["biometric_profile"] = far
    done = write_prompts(str(tiny.write(tmp_path / "release")), str(tmp_path / "out"))
    assert done.left_out == {
        (DATASET, "label_unknown"): 1,
        (DATASET, "measure_not_a_line"): 2,
        (DATASET, "landmarks_unnamed"): 1,
    }
    assert done.rows == 50
    note = json.loads((tmp_path / "out/prompts.json").read_text())
    assert (note["rows"], len(note["left_out"])) == (50, 3)
    card = (tmp_path / "out/README.md").read_text()
    assert "the names of its landmarks are not known | 1 |" in card


def test_exact_angles_have_directions(tiny: TinyRelease, tmp_path: Path, rows_of: Rows) -> None:
    sna = {"metric_type": "angle", "metric_map_name": "angles_map", "metric_key": "SNA", "metric_value": 97.5}
    for pair in tiny.pairs["BiometricsFromLandmarks"]:
        pair |= {"biometric_profile": sna, "definition": "exact"}
    made(tiny.write(tmp_path / "release"), tmp_path / "out", kinds=("angle",))
    row = rows_of(tmp_path / "out")[0]
    assert "from the nasion to the sella, and from the nasion to the subspinale?" in row["question"]
    assert "0 to 180" in row["question"]
    assert row["target"] == [97.5]


def test_templates_of_ones_own(release: Path, tmp_path: Path, rows_of: Rows) -> None:
    tables = [f'[{kind}]\nquestion = "{kind}?"\nanswer = "{{{{ numbers }}}}"\ndecimals = 1' for kind in ("box", "mask")]
    others = ("lesion", "diameter", "distance", "angle")
    tables += [f'[{kind}]\nquestion = "q"\nanswer = "{{{{ numbers }}}}"\ndecimals = 0' for kind in others]
    (tmp_path / "own.toml").write_text("\n".join(tables))
    made(release, tmp_path / "out", templates=str(tmp_path / "own.toml"))
    found = of_slice(rows_of(tmp_path / "out"))
    assert (found["mask-01-1"]["question"], found["mask-01-1"]["answer"]) == ("mask?", "2.9")
    assert str(tmp_path) not in (tmp_path / "out/prompts.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--config", "Nope_*"], "--config 'Nope_*' fits no config of"),
        (["--split", "test"], "no pairs are left by --config, --split and --kind"),
        (["--kind", "diameter"], "no pairs are left by"),
        (["--processor", "gpt"], "processor 'gpt' is none of qwen2.5-vl"),
        (["--processor", "gemma3", "--max-pixels", "9"], "--min-pixels and --max-pixels are for processors of Qwen"),
        (["--processor", "qwen3-vl", "--max-pixels", "9"], "--min-pixels 65536 is over the most, 9"),
        (["--templates", "none.toml"], "templates none.toml cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["prompts", str(release), "--to", str(tmp_path / "out"), *arguments]) == 2
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["release"]


@pytest.mark.parametrize("size", ["896", "0x5", "9000x9", "axb", "896×896"])
def test_a_size_is_height_x_width(release: Path, tmp_path: Path, size: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["prompts", str(release), "--to", str(tmp_path / "out"), "--image-size", size])


def test_only_prompts_are_replaced(release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["prompts", str(release), "--to", str(tmp_path / "out")]
    assert main(asked) == 0
    assert "54 questions (18 box, 9 mask, 9 lesion, 9 distance, 9 angle) about 27 pictures" in capsys.readouterr().out
    assert main(asked) == 2
    assert "is not empty; choose another folder, or pass --replace" in capsys.readouterr().err
    assert main([*asked, "--replace", "--kind", "box", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 18
    (tmp_path / "out/prompts.json").unlink()
    assert main([*asked, "--replace"]) == 2
    assert "has no prompts.json" in capsys.readouterr().err
    assert main(["prompts", str(release), "--to", str(release / "prompts")]) == 2
    assert "--to" in capsys.readouterr().err


def test_a_release_without_images_says_what_to_do(
    tiny: TinyRelease, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny.formats = ()
    release = tiny.write(tmp_path / "release")
    assert main(["prompts", str(release), "--to", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert f"holds no pictures of {DATASET}: build it again with images" in error
    assert "--private" in error
    assert not (tmp_path / "out").exists()


def test_a_pair_that_points_elsewhere_stops_it(tiny: TinyRelease, tmp_path: Path) -> None:
    tiny.pairs["MaskSize"][3]["slice_row"] = 1
    with pytest.raises(ValueError, match=r"points at .*; run `medvision validate`"):
        made(tiny.write(tmp_path / "release"), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["release"]


def test_the_command_and_the_page_know_what_there_is() -> None:
    assert (command.KINDS, command.FORMATS, command.SPLITS) == (QUESTIONS, known.FORMATS, SIDES)
    page = (DOCS / "prompts.md").read_text(encoding="utf-8")
    table = page.partition("| `--processor` |")[2].partition("\n\n")[0]
    named = {
        name for line in table.splitlines()[2:] for name in re.findall(r"`([^`]+)`", "|".join(line.split("|")[1:3]))
    }
    assert named == set(PROCESSORS)
    kinds = page.partition("| kind | of pairs |")[2].partition("\n\n")[0]
    assert set(re.findall(r"(?m)^\| `(\w+)` \|", kinds)) == set(QUESTIONS)


@pytest.mark.slow
def test_a_release_by_exact_rules(tmp_path: Path, rows_of: Rows) -> None:
    """Diameters of lesions, signed and directed angles where they are one angle; targets are the pairs' own numbers."""
    write_miniature(tmp_path / "raw", ["Ceph-Biometrics-400", "KiTS23"], cases=1)
    names = ("Ceph-Biometrics-400", "KiTS23")
    run_build(BuildOptions(str(tmp_path / "raw"), str(tmp_path / "out"), names, "exact", formats=("parquet",)))
    done = write_prompts(str(tmp_path / "out"), str(tmp_path / "prompts"), PromptOptions(instances="all"))
    release = medvision.open_release(str(tmp_path / "out"))
    pairs = {
        pair["pair_id"]: pair for config in release.configs() if "_Task" in config for pair in release.rows(config)
    }
    rows = rows_of(tmp_path / "prompts")
    assert {row["kind"] for row in rows} == set(QUESTIONS)
    assert {row["metric_key"] for row in rows if row["kind"] == "angle"} == {"SNA", "SNB", "FMA"}
    left_out = {reason: count for (_, reason), count in done.left_out.items()}
    assert left_out["measure_not_a_line"] == sum(
        pair["biometric_profile"]["metric_key"] in ("ANB", "ODI", "APDI", "FHI", "MW")
        for pair in pairs.values()
        if "landmark_source" in pair
    )
    for row in rows:
        pair = pairs[row["pair_id"]]
        if row["kind"] == "diameter":
            first = pair["diameters"][0]
            assert row["target"] == [first[name]["length_mm"] for name in ("longest", "perpendicular")]
        if row["kind"] == "angle":
            assert row["target"] == [pair["biometric_profile"]["metric_value"]]
            assert "two directions" in row["question"]
    assert len(rows) + sum(left_out.values()) == len(pairs)
