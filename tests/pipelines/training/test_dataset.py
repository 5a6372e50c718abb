"""`Release.dataset` with images: every sample of every kind against whole tables, and what files it opens and reads."""

import gc
import multiprocessing
import pickle
import re
import sys
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from tiny_release import TinyRelease, png
from training_release import Read

import medvision
from medvision.pipelines.release import ReleaseError
from medvision.schemas.pairs import LANDMARK_KINDS

LOOKS = (
    {},
    {"orientation": "radiological"},
    {"size": (40, 56)},
    {"size": (45, 31), "orientation": "radiological", "window": (300, 50)},
    {"window": "percentile"},
)
KITS = "KiTS23_BoxSize_Task01_Axial_Train"


def label_of(pair: dict[str, Any]) -> int | None:
    return pair["label"] or None


def edges_by_eye(pair: dict[str, Any], row: dict[str, Any]) -> list[list[float]]:
    """(first row, first column, row and column past the last) in the radiological picture: paint the box and look."""
    found = []
    for box in pair["bounding_boxes"]:
        painted = np.zeros((row["height"], row["width"]), bool)
        (r0, c0), (r1, c1) = box["min_coords"], box["max_coords"]
        painted[r0 : r1 + 1, c0 : c1 + 1] = True
        rows, columns = np.nonzero(painted.T[::-1, ::-1])
        found.append([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1])
    return found


@pytest.mark.parametrize("name", ["upstream", "exact"])
@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_each_pair_is_the_picture_that_render_makes(name: str, look: dict[str, Any], request: Any) -> None:
    read: Read = request.getfixturevalue(name)
    seen = 0
    for config in [c for c in read.release.configs() if "_Task" in c][:: 1 if not look else 3]:
        pairs, split = read.pairs(config), config.rsplit("_", 1)[1].lower()
        dataset = read.release.dataset(config, split, **look)
        assert len(dataset) == len(pairs)
        for number, pair in enumerate(pairs):
            image, target, mm = dataset[number]
            row = read.slice_of(pair)
            rendered = medvision.render(row, label=label_of(pair), **look)
            assert image.dtype == np.uint8
            np.testing.assert_array_equal(image, rendered.pixels[None])
            np.testing.assert_array_equal(mm, np.float32(rendered.pixel_spacing_mm))
            names = ("pair_id", "label", "label_name")
            assert {n: target[n] for n in names} == {n: pair[n] for n in names}
            seen += 1
    assert seen > 100


def test_each_slice_is_the_picture_that_render_makes_with_its_annotations(upstream: Read) -> None:
    for config, plane in (("KiTS23", ""), ("KiTS23_coronal", "coronal"), ("FeTA24", ""), ("KiTS23_annotations", "")):
        for look in LOOKS:
            name = config.split("_")[0]
            rows = [r for r in upstream.rows(f"data/{name}/train-*.parquet") if plane in ("", r["plane"])]
            dataset = upstream.release.dataset(config, "train", **look)
            assert len(dataset) == len(rows) > 3
            for number, row in enumerate(rows):
                image, target, mm = dataset[number]
                rendered = medvision.render(row, **look)
                np.testing.assert_array_equal(image[0], rendered.pixels)
                assert target["slice_id"] == row["slice_id"]
                for part in ("segments", "lesions", "landmarks"):
                    assert target[part] == getattr(rendered, part)
                assert target["biometrics"] == row["biometrics"]
                assert mm.tolist() == np.float32(rendered.pixel_spacing_mm).tolist()


def test_boxes_are_edges_and_keep_their_millimetres(upstream: Read, exact: Read) -> None:
    several = 0
    for read in (upstream, exact):
        for config in read.configs("BoxSize"):
            split = config.rsplit("_", 1)[1].lower()
            plain = read.release.dataset(config, split)
            turned = read.release.dataset(config, split, orientation="radiological")
            sized = read.release.dataset(config, split, size=(50, 60))
            pairs = read.pairs(config)
            most = max(len(pair["bounding_boxes"]) for pair in pairs)
            for number, pair in enumerate(pairs):
                boxes, row = pair["bounding_boxes"], read.slice_of(pair)
                target, count = plain[number][1], len(boxes)
                several += count > 1
                assert target["count"] == count
                assert target["boxes"].shape == (most, 4)
                stated = [[*box["min_coords"], *(m + 1 for m in box["max_coords"])] for box in boxes]
                assert target["boxes"][:count].tolist() == stated
                assert not target["boxes"][count:].any()
                np.testing.assert_array_equal(target["sizes_mm"][:count], np.float32([b["sizes"] for b in boxes]))
                other = turned[number][1]
                assert other["boxes"][:count].tolist() == edges_by_eye(pair, row)
                np.testing.assert_array_equal(other["sizes_mm"], target["sizes_mm"][:, ::-1])
                _, resized, mm = sized[number]
                sides = resized["boxes"][:count, 2:] - resized["boxes"][:count, :2]
                per_pixel = np.array(row["mask_pixel_spacing_mm"]) / row["pixel_spacing_mm"]
                np.testing.assert_allclose(sides * mm * per_pixel, resized["sizes_mm"][:count], rtol=1e-5)
                moved = medvision.render(row, size=(50, 60)).segments
                (segment,) = [s for s in moved if s["label"] == pair["label"]]
                if read is upstream:
                    for edge, box in zip(resized["boxes"][:count], segment["boxes"], strict=True):
                        assert np.floor(edge[:2] + 1e-4).tolist() == box["min_rc"]
                        assert np.ceil(edge[2:] - 1e-4).tolist() == [m + 1 for m in box["max_rc"]]
    assert several > 3


def test_masks(upstream: Read) -> None:
    for config in upstream.configs("MaskSize"):
        dataset = upstream.release.dataset(config, config.rsplit("_", 1)[1].lower(), size=(32, 32))
        for number, pair in enumerate(upstream.pairs(config)):
            target = dataset[number][1]
            assert target["pixel_count"] == pair["pixel_count"]
            assert target["area_mm2"] == np.float32(pair["ROI_area"])


@pytest.mark.parametrize("look", LOOKS[:4], ids=str)
def test_lesion_axes_and_their_ends(upstream: Read, exact: Read, look: dict[str, Any]) -> None:
    for read, listed, ends in (
        (upstream, "ellipses", [["major_end_rc"], ["major_start_rc"], ["minor_end_rc"], ["minor_start_rc"]]),
        (exact, "regions", [[a, e] for a in ("major_axis", "minor_axis") for e in ("start_rc", "end_rc")]),
    ):
        for config in read.configs("TumorLesionSize"):
            dataset = read.release.dataset(config, config.rsplit("_", 1)[1].lower(), **look)
            for number, pair in enumerate(read.pairs(config)):
                profile, target = pair["biometric_profile"], dataset[number][1]
                axes = [[p["metric_value_major_axis"], p["metric_value_minor_axis"]] for p in profile]
                count = target["count"]
                assert count == len(profile)
                np.testing.assert_array_equal(target["axes_mm"][:count], np.float32(axes))
                rendered = medvision.render(read.slice_of(pair), **look)
                (lesion,) = [x for x in rendered.lesions if x["lesion_task"] == int(pair["taskID"])]
                points = [[_at(item, path) for path in ends] for item in lesion[listed]]
                np.testing.assert_array_equal(target["points_rc"][:count], np.float32(points))
                assert not target["points_rc"][count:].any()


def _at(item: Any, path: list[str]) -> Any:
    for name in path:
        item = item[name]
    return item


@pytest.mark.parametrize("look", LOOKS[:4], ids=str)
def test_diameters(exact: Read, look: dict[str, Any]) -> None:
    missing = 0
    for config in exact.configs("LesionDiameter"):
        dataset = exact.release.dataset(config, config.rsplit("_", 1)[1].lower(), **look)
        for number, pair in enumerate(exact.pairs(config)):
            target = dataset[number][1]
            count = len(pair["diameters"])
            assert target["count"] == count
            rendered = medvision.render(exact.slice_of(pair), **look)
            (lesion,) = [x for x in rendered.lesions if x["lesion_task"] == int(pair["taskID"])]
            for place, (stated, region) in enumerate(zip(pair["diameters"], lesion["regions"], strict=True)):
                for axis, line in enumerate(("longest", "perpendicular")):
                    points, length = target["points_rc"][place][2 * axis : 2 * axis + 2], target["axes_mm"][place][axis]
                    if stated[line] is None:
                        missing += 1
                        assert np.isnan(points).all()
                        assert np.isnan(length)
                        continue
                    assert length == np.float32(stated[line]["length_mm"])
                    ends = [region[line]["start_rc"], region[line]["end_rc"]]
                    np.testing.assert_array_equal(points, np.float32(ends))
                measure = np.nan if stated["measure_mm"] is None else np.float32(stated["measure_mm"])
                np.testing.assert_array_equal(target["measure_mm"][place], measure)


@pytest.mark.parametrize("look", LOOKS[:4], ids=str)
def test_landmark_measures_and_their_points(upstream: Read, exact: Read, look: dict[str, Any]) -> None:
    points_of = {"L-1-2": [1, 2], "L-3-4": [3, 4]}
    seen = 0
    for read in (upstream, exact):
        for config in [c for kind in LANDMARK_KINDS for c in read.configs(kind)]:
            dataset = read.release.dataset(config, config.rsplit("_", 1)[1].lower(), **look)
            for number, pair in enumerate(read.pairs(config)):
                target, profile = dataset[number][1], pair["biometric_profile"]
                assert target["value"] == np.float32(profile["metric_value"])
                assert (target["key"], target["unit"]) == (profile["metric_key"], profile["metric_unit"])
                assert ("points_rc" in target) == (read is upstream)
                if read is exact:
                    continue
                marks = medvision.render(read.slice_of(pair), **look).landmarks
                placed = {m["number"]: m["position_rc"] for m in marks if m["source"] == pair["landmark_source"]}
                numbers = points_of.get(target["key"]) or [int(n) for n in re.findall(r"\d+", target["key"])]
                np.testing.assert_array_equal(target["points_rc"], np.float32([placed[n] for n in numbers]))
                if profile["metric_type"] == "distance" and not look:
                    steps = (target["points_rc"][0] - target["points_rc"][1]) * dataset[number][2]
                    seen += 1
                    flat = read.slice_of(pair)["slice_position"] if "slice_position" in pair else None
                    assert flat is None
                    assert np.hypot(*steps) <= profile["metric_value"] * (1 + 1e-5)
    assert seen > 5 or look


def test_intensities(upstream: Read) -> None:
    """`values` are the line of the card, unwindowed; resized, they are what the picture is a window of."""
    rows = upstream.rows("data/KiTS23/train-*.parquet")
    dataset = upstream.release.dataset("KiTS23", "train", pixels="values", orientation="radiological")
    for number, row in enumerate(rows):
        stored = _decoded(row["image"]["bytes"])
        values = stored * row["intensity_scale"] + row["intensity_offset"]
        image = dataset[number][0]
        assert image.dtype == np.float32
        np.testing.assert_array_equal(image[0], np.float32(values).T[::-1, ::-1])
    sized = upstream.release.dataset("KiTS23", "train", pixels="values", size=(40, 30))
    shown = upstream.release.dataset("KiTS23", "train", size=(40, 30), window=(400, 40))
    for number in range(0, len(rows), 5):
        values = sized[number][0]
        grey = ((np.clip(values, -160, 240) + 160) / np.float32(400) * np.float32(255)).astype(np.uint8)
        np.testing.assert_array_equal(grey, shown[number][0])


def _decoded(png: bytes) -> np.ndarray:
    import cv2

    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)


def same(first: Any, second: Any) -> bool:
    """Whether two samples are alike to the last bit."""
    return pickle.dumps(first) == pickle.dumps(second) or (
        np.array_equal(first[0], second[0])
        and np.array_equal(first[2], second[2])
        and repr(first[1]) == repr(second[1])
    )


def test_numbers_from_both_ends_and_beyond(upstream: Read) -> None:
    dataset = upstream.release.dataset(KITS, "train")
    count = len(dataset)
    assert same(dataset[-1], dataset[count - 1])
    assert same(dataset[np.int64(-count)], dataset[0])
    for number in (count, -count - 1, 10**12):
        with pytest.raises(IndexError, match=f"{number} of a dataset of {count} samples"):
            dataset[number]
    assert len(list(dataset)) == count, "a loop over it ends"  # type: ignore[call-overload]


def test_many_at_once_are_those_one_by_one(upstream: Read) -> None:
    dataset = upstream.release.dataset(KITS, "train")
    numbers = np.random.default_rng(3).integers(-len(dataset), len(dataset), 40).tolist()
    found = dataset.__getitems__(numbers)
    assert all(same(sample, dataset[number]) for sample, number in zip(found, numbers, strict=True))
    assert dataset.__getitems__([]) == []


def test_single_instances_are_those_that_the_pairs_say(upstream: Read) -> None:
    left_out = 0
    for config in [*upstream.configs("BoxSize"), *upstream.configs("TumorLesionSize")]:
        split = config.rsplit("_", 1)[1].lower()
        dataset = upstream.release.dataset(config, split, single_instance=True)
        expected = [pair["pair_id"] for pair in upstream.pairs(config) if pair["single_instance"]]
        left_out += len(upstream.pairs(config)) - len(expected)
        assert [dataset[number][1]["pair_id"] for number in range(len(dataset))] == expected
        assert {dataset[number][1]["count"] for number in range(len(dataset))} <= {1}
        assert sorted(dataset.sampler()) == list(range(len(expected)))
    assert left_out > 10


def test_fewer_rows_of_arrays_than_instances(upstream: Read) -> None:
    whole = upstream.release.dataset(KITS, "train")
    short, long = (upstream.release.dataset(KITS, "train", instances=n) for n in (1, 9))
    counts = [whole[number][1]["count"] for number in range(len(whole))]
    assert max(counts) > 1
    for number, count in enumerate(counts):
        assert short[number][1]["count"] == long[number][1]["count"] == count
        np.testing.assert_array_equal(short[number][1]["boxes"], whole[number][1]["boxes"][:1])
        np.testing.assert_array_equal(long[number][1]["boxes"][:count], whole[number][1]["boxes"][:count])
        assert long[number][1]["boxes"].shape == (9, 4)


def test_further_columns_and_a_transform(upstream: Read) -> None:
    pairs = upstream.pairs(KITS)

    def only(image: np.ndarray, target: dict[str, Any], mm: np.ndarray) -> tuple[Any, ...]:
        return target["patient"], target["affine_ras"], image.shape, mm.shape

    columns = ("patient", "affine_ras", "segments")
    dataset = upstream.release.dataset(KITS, "train", columns=columns, transform=only)
    for number, pair in enumerate(pairs):
        row = upstream.slice_of(pair)
        assert dataset[number] == (row["patient"], row["affine_ras"], (1, row["height"], row["width"]), (2,))
    shown = upstream.release.dataset(KITS, "train", columns=columns)[0][1]
    assert shown["segments"] == upstream.slice_of(pairs[0])["segments"]


def opened_of(root: Path) -> int:
    """Files of a release that this process has open."""
    return sum(link.resolve().is_relative_to(root.resolve()) for link in Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_open_files_are_bounded(upstream: Read, limit: int) -> None:
    gc.collect()  # of other tests
    before = opened_of(upstream.root)
    dataset = upstream.release.dataset("KiTS23_MaskSize_Task01_Axial_Train", "train", open_files=limit, group_bytes=1)
    assert len({pair["slice_file"] for pair in upstream.pairs(dataset.config)}) > 1
    gc.collect()
    assert opened_of(upstream.root) == before, "nothing is open before a sample is asked for"
    seen = set()
    for number in np.random.default_rng(0).permutation(len(dataset)):
        dataset[number]
        seen.add(opened_of(upstream.root) - before)
    assert max(seen) == limit
    dataset.close()
    gc.collect()
    assert opened_of(upstream.root) == before
    dataset[0]
    assert opened_of(upstream.root) > before, "it opens them again"


def group_count(read: Read, config: str) -> int:
    """Row groups of slices that a config's pairs are in, by the footers."""
    import pyarrow.parquet as pq

    found = set()
    for pair in read.pairs(config):
        footer, row, group = pq.read_metadata(read.root / pair["slice_file"]), pair["slice_row"], 0
        while row >= footer.row_group(group).num_rows:
            row -= footer.row_group(group).num_rows
            group += 1
        found.add((pair["slice_file"], group))
    return len(found)


def test_a_row_group_is_read_once_in_a_row_and_once_an_epoch(upstream: Read) -> None:
    config = "KiTS23_MaskSize_Task01_Axial_Train"
    groups = group_count(upstream, config)
    assert groups > 8
    for window in (1, 3):
        dataset = upstream.release.dataset(config, "train")
        process = dataset._process()
        largest = max(process.slices.at(*_place(dataset, number))[0].nbytes for number in range(len(dataset)))
        dataset = upstream.release.dataset(config, "train", group_bytes=window * largest * 5 // 4 + 1)
        for number in dataset.sampler(seed=1, window=window):
            dataset[number]
        assert dataset._process().slices.reads == groups
        assert dataset._process().slices.kept.nbytes <= window * largest
    rising = upstream.release.dataset(config, "train")
    for number in range(len(rising)):
        rising[number]
    assert rising._process().slices.reads == groups
    sampled = upstream.release.dataset(config, "train", group_bytes=1)
    sampled.__getitems__(np.random.default_rng(0).permutation(len(sampled)).tolist())
    assert sampled._process().slices.reads == groups, "a batch is read in the order of the files"


def _place(dataset: Any, number: int) -> tuple[int, int]:
    pairs, pair = dataset._process().pairs.at(*dataset.plan.index.place(number))
    return int(pairs.slice_file[pair]), int(pairs.slice_row[pair])


def test_the_sampler_knows_where_groups_begin(upstream: Read) -> None:
    """Against the file and row of every pair, and of every slice of a plane."""
    dataset = upstream.release.dataset("KiTS23_MaskSize_Task01_Axial_Train", "train")
    sampler = dataset.sampler()
    assert len(sampler.bounds) - 1 == group_count(upstream, dataset.config)
    plane = upstream.release.dataset("KiTS23_axial", "train")
    starts = plane.sampler().bounds
    groups = [
        plane._process().slices.at(*plane.plan.index.place(plane.plan.index.row(n)))[0] for n in range(len(plane))
    ]
    changes = [0, *(n for n in range(1, len(plane)) if groups[n] is not groups[n - 1]), len(plane)]
    assert starts.tolist() == changes


@pytest.mark.parametrize("start", ["spawn", "fork"])
def test_other_processes_read_the_same(upstream: Read, start: str) -> None:
    if start == "fork" and sys.platform == "darwin":
        pytest.skip("a forked process may not use the system's libraries there")
    dataset = upstream.release.dataset(KITS, "train", size=(32, 32))
    here = [dataset[number] for number in range(24)]
    with multiprocessing.get_context(start).Pool(2) as pool:
        there = pool.map(dataset.__getitem__, range(24), chunksize=3)
    assert all(same(a, b) for a, b in zip(here, there, strict=True))


def test_what_is_pickled_is_small_and_holds_no_file(upstream: Read) -> None:
    dataset = upstream.release.dataset(KITS, "train")
    dataset[0]
    data = pickle.dumps(dataset)
    again = pickle.loads(data)
    assert again._here is None
    assert same(again[3], dataset[3])
    image_bytes = sum(len(row["image"]["bytes"]) for rows in upstream.slices.values() for row in rows)
    assert len(data) < image_bytes / 10


def test_a_release_in_a_store(upstream: Read) -> None:
    store = fsspec.filesystem("memory")
    for path in upstream.root.rglob("*"):
        if path.is_file() and ".shards" not in path.parts:
            store.pipe_file(f"/training/{path.relative_to(upstream.root).as_posix()}", path.read_bytes())
    try:
        far = medvision.open_release("memory://training").dataset(KITS, "train", size=(24, 24))
        near = upstream.release.dataset(KITS, "train", size=(24, 24))
        assert len(far) == len(near)
        assert all(same(far[number], near[number]) for number in far.sampler(seed=2))
    finally:
        store.rm("/training", recursive=True)


@pytest.mark.parametrize(
    ("image", "said"), [(b"broken", "is damaged: 6 bytes"), (png(0, (4, 5)), r"is \(4, 5\), its row says \(8, 10\)")]
)
def test_a_damaged_image_is_named(tmp_path: Path, image: bytes, said: str) -> None:
    tiny = TinyRelease.correct()
    broken = next(iter(tiny.images))
    tiny.images[broken] = image
    dataset = medvision.open_release(str(tiny.write(tmp_path))).dataset("Tiny-Set.1", "train")
    assert dataset[1][0].shape == (1, 8, 10)
    with pytest.raises(ReleaseError, match=f"image of slice '{broken}' {said}"):
        dataset[0]


@pytest.mark.parametrize(
    ("config", "split", "said"),
    [
        ("KiTS23_TumorLesionSize_Task01_Axial_Tran", "train", "KiTS23_TumorLesionSize_Task01_Axial_Train"),
        ("kits23_boxsize_task01_axial_train", "train", KITS),
        ("FETA24", "train", "FeTA24"),
        ("KiTS23_axail", "train", "KiTS23_axial"),
        ("", "train", "it has"),
        ("../../etc/passwd", "train", "no config"),
        ("KiTS23_\x00Box", "train", "no config"),
        ("KiTS23_volumes", "train", "a row a volume"),
        (KITS, "test", "has no split 'test'; it has 'train'"),
        ("KiTS23", "validation", "it has 'train' and 'test'"),
        ("KiTS23", None, "no split None"),
    ],
)
def test_wrong_names_list_near_ones(upstream: Read, config: str, split: Any, said: str) -> None:
    with pytest.raises(ReleaseError, match=re.escape(said)):
        upstream.release.dataset(config, split)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"size": (0, 4)}, ValueError, "size must be"),
        ({"orientation": "up"}, ValueError, "orientation must be"),
        ({"window": "wide"}, ValueError, "window must be"),
        ({"pixels": "stored"}, ValueError, "pixels must be"),
        ({"instances": 0}, ValueError, "must be 1 or more"),
        ({"open_files": 0}, ValueError, "must be 1 or more"),
        ({"columns": ["patiant"]}, ReleaseError, "no column 'patiant'; they have patient"),
        ({"columns": ["image"]}, ReleaseError, "no column 'image'"),
    ],
)
def test_wrong_options(upstream: Read, options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        upstream.release.dataset(KITS, "train", **options)


def test_no_torch_is_asked_for() -> None:
    import subprocess

    code = "import sys, medvision.pipelines.training.open; sys.exit(bool({'torch', 'apache_beam'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_says_what_it_is(upstream: Read) -> None:
    dataset = upstream.release.dataset(KITS, "train")
    assert repr(dataset) == f"<{KITS} of release {upstream.root}, train: {len(dataset)} samples>"
