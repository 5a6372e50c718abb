"""Rendering: grey values against the formula, landmarks against anatomy, boxes against moved masks."""

from __future__ import annotations

import functools
import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from medvision.schemas.rows import DATA_SCHEMA
from medvision.transforms.move import Move
from medvision.transforms.render import render, render_batch
from medvision.transforms.windows import display_group, to_grey

SPACING_MM = (0.5, 2.0)


def png(stored: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(stored).save(buffer, "PNG")
    return buffer.getvalue()


def box_of(mask: np.ndarray) -> dict:
    cells = np.argwhere(mask)
    low, high = cells.min(axis=0), cells.max(axis=0)
    size = high - low + 1
    return {
        "min_rc": low.tolist(),
        "max_rc": high.tolist(),
        "center_rc": ((low + high) // 2).tolist(),
        "size_px": size.tolist(),
        "size_mm": (size * SPACING_MM).tolist(),
        "pixel_count": len(cells),
        "mask_image_ratio": len(cells) / mask.size,
    }


def slice_row(stored: np.ndarray, mask: np.ndarray | None = None, name: str = "liver", **columns) -> dict:
    """A slice row of label 1 (one component, or the pixel (0, 0)), HU stored with an offset of -1024."""
    if mask is None:
        mask = np.zeros(stored.shape, bool)
        mask[0, 0] = True
    count = int(mask.sum())
    segment = {
        "label": 1,
        "name": name,
        "pixel_count": count,
        "area_mm2": float(count),
        "boxes": [box_of(mask)],
    }
    return {
        "image": {"bytes": png(stored), "path": None},
        "slice_id": "s-1",
        "dataset": "MSD",
        "task": 9,
        "modality": "CT",
        "height": stored.shape[0],
        "width": stored.shape[1],
        "pixel_spacing_mm": list(SPACING_MM),
        "intensity_scale": 1.0,
        "intensity_offset": -1024.0,
        "intensity_invalid": 0,
        "segments": [segment],
        "lesions": [],
        **columns,
    }


def ramp(height: int = 20, width: int = 150) -> np.ndarray:
    return np.arange(height * width, dtype=np.uint16).reshape(height, width)


def percentile_twin(values: np.ndarray) -> np.ndarray:
    low, high = np.percentile(values, 0.5), np.percentile(values, 99.5)
    return np.floor((np.clip(values, low, high) - low) / (high - low) * 255).astype(np.uint8)


# Grey values


def test_soft_tissue_ramp_is_the_formula_in_integers():
    picture = render(slice_row(ramp()), label=1)
    hu = ramp().astype(int) - 1024
    expected = (np.clip(hu, -160, 240) + 160) * 255 // 400
    np.testing.assert_array_equal(picture.pixels, expected)
    assert picture.window == (-160.0, 240.0)
    assert picture.pixels.dtype == np.uint8
    assert picture.image.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(picture.image), np.repeat(picture.pixels[..., None], 3, axis=2))


def test_fractions_are_cut_off_not_rounded():
    grey = render(slice_row(np.array([[1063, 1064, 1065]], np.uint16)), label=1).pixels
    assert grey.tolist() == [[126, 127, 128]]  # 126.86, 127.5, 128.14


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("left lung upper lobe", -1350, 150),
        ("lung cancer", -1350, 150),
        ("brain", 0, 80),
        ("surrounding non-enhancing flair hyperintensity of brain", 0, 80),
        ("right hip", -500, 1300),
        ("left gluteus maximus", -500, 1300),
        ("sacrum", -500, 1300),
        ("left 1st rib", -500, 1300),
        ("right 12th rib", -500, 1300),
        ("costal cartilages", -500, 1300),
        ("vertebra L5", -500, 1300),
        ("spinal cord", -500, 1300),
        ("tibia", -500, 1300),
        ("left femur", -500, 1300),
        ("lower jawbone", -500, 1300),
        ("upper left third molar (wisdom tooth)", -500, 1300),
        ("lower right central incisor", -500, 1300),
        ("kidney stone", -500, 1300),
        ("femoral cartilage", -160, 240),
        ("pulmonary vein", -160, 240),
        ("prostate", -160, 240),
        ("arota", -160, 240),
    ],
)
def test_window_by_anatomy_group(name, low, high):
    picture = render(slice_row(ramp(), name=name), label=1)
    hu = ramp().astype(int) - 1024
    assert picture.window == (low, high)
    assert (hu[picture.pixels == 0] <= low + (high - low) / 255).all()
    assert picture.pixels[hu <= low].max(initial=0) == 0
    assert picture.pixels[hu >= high].min(initial=255) == 255


@pytest.mark.parametrize(
    "name", ["na", "implant", "crown", "bridge", "left autochthon", "sternum", "humerus", "right humerus"]
)
def test_catch_all_group_takes_percentiles(name):
    picture = render(slice_row(ramp(), name=name), label=1)
    assert picture.window is None
    np.testing.assert_array_equal(picture.pixels, percentile_twin((ramp() - 1024.0).astype(np.float32)))


@pytest.mark.parametrize(
    ("label", "columns"),
    [(None, {}), (1, {"modality": "MRI"}), (1, {"modality": "PET"}), (1, {"dataset": "KiPA22", "task": 1})],
)
def test_everything_else_takes_percentiles(label, columns):
    stored = np.random.default_rng(7).integers(0, 4000, (31, 17)).astype(np.uint16)
    picture = render(slice_row(stored, intensity_scale=0.25, intensity_offset=3.0, **columns), label=label)
    np.testing.assert_array_equal(picture.pixels, percentile_twin((stored * 0.25 + 3.0).astype(np.float32)))
    assert picture.window is None


def test_groups_match_whole_names_only():
    assert display_group("left lung") == "lung"
    assert display_group("left lung vessel") == "soft tissue"
    assert display_group("brainstem") == "brain"
    assert display_group("") == "percentile"


def test_explicit_windows_override_the_label():
    row = slice_row(ramp(), name="brain")
    picture = render(row, label=1, window=(1000, 500))
    assert picture.window == (0.0, 1000.0)
    np.testing.assert_array_equal(picture.pixels, np.clip(ramp().astype(int) - 1024, 0, 1000) * 255 // 1000)
    forced = render(row, label=1, window="percentile")
    assert forced.window is None
    np.testing.assert_array_equal(forced.pixels, render(row).pixels)


def test_flat_slice_is_black_by_percentiles():
    assert not render(slice_row(np.full((5, 4), 1500, np.uint16))).pixels.any()


def test_an_unnamed_label_takes_its_name_from_the_dataset_table(monkeypatch):
    table = SimpleNamespace(task=lambda number: SimpleNamespace(labels={1: "brain"} if number == 9 else {}))
    registry = SimpleNamespace(find_dataset=lambda name: {"MSD": table}[name])
    monkeypatch.setitem(sys.modules, "medvision.sources.registry", registry)
    assert render(slice_row(ramp(), name=""), label=1).window == (0.0, 80.0)
    assert render(slice_row(ramp(), name="", task=2), label=1).window is None


def test_invalid_code_is_the_lowest_value_only_where_voxels_were_invalid():
    stored = np.array([[1000, 1100, 1200, 65535]], np.uint16)
    invalid = render(slice_row(stored, intensity_invalid=1), window=(400, 40)).pixels
    assert invalid[0, 3] == invalid[0, 0] == 86  # -24 HU: 136 / 400 * 255 = 86.7
    assert render(slice_row(stored), window=(400, 40)).pixels[0, 3] == 255
    downward = slice_row(stored, intensity_invalid=1, intensity_scale=-1.0, intensity_offset=1240.0)
    assert render(downward, window=(400, 40)).pixels[0, 3] == 127  # the lowest is 40 HU
    assert not render(slice_row(np.full((2, 2), 65535, np.uint16), intensity_invalid=4)).pixels.any()


# Forms of the row


def test_all_forms_of_an_image_give_the_same_picture():
    row = slice_row(ramp())
    data = row["image"]["bytes"]
    bare = {key: value for key, value in row.items() if key != "image"}
    opened = Image.open(io.BytesIO(data))
    assert opened.mode in ("I;16", "I")
    sample = {"__key__": "s-1", "png": data}
    forms = [
        row,
        {**row, "image": data},
        {**row, "image": opened},
        {**row, "image": opened.convert("I")},
        {**sample, "json": bare},
        {**sample, "json": json.dumps(bare).encode()},
    ]
    expected = render(row, label=1).pixels
    assert len(np.unique(expected)) > 200
    for form in forms:
        np.testing.assert_array_equal(render(form, label=1).pixels, expected)


def test_8_bit_images_use_the_same_formula():
    stored = np.arange(256, dtype=np.uint8).reshape(16, 16)
    row = slice_row(stored, intensity_scale=400 / 255, intensity_offset=-160.0)
    for image in (row["image"], Image.fromarray(stored)):
        grey = render({**row, "image": image}, label=1).pixels.astype(int)
        assert np.abs(grey - stored).max() <= 1  # float32 may fall just under a whole number
        assert grey[0, 0] == 0
        assert grey[-1, -1] == 255


def test_a_row_of_the_release_schema_renders():
    given_row = slice_row(ramp(), name="spleen")
    table = pa.Table.from_pylist([given_row], schema=DATA_SCHEMA)
    np.testing.assert_array_equal(render(table.to_pylist()[0], label=1).pixels, render(given_row, label=1).pixels)


def test_batch_serves_with_transform():
    datasets = pytest.importorskip("datasets")
    rows = [slice_row(ramp()), slice_row(ramp(12, 9), name="brain")]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    table = datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())
    served = table.with_transform(functools.partial(render_batch, label=1, orientation="radiological"))
    for row, got in zip(rows, served, strict=True):
        expected = render(row, label=1, orientation="radiological")
        np.testing.assert_array_equal(np.asarray(got["image"])[..., 0], expected.pixels)
        assert (got["height"], got["width"]) == expected.pixels.shape
        assert tuple(got["pixel_spacing_mm"]) == expected.pixel_spacing_mm
        assert got["segments"] == expected.segments
        assert tuple(got["window"]) == expected.window
        assert got["slice_id"] == "s-1"


def test_render_is_a_webdataset_map(tmp_path):
    wds = pytest.importorskip("webdataset")
    row = slice_row(ramp())
    path = tmp_path / "MSD-000000.tar"
    with wds.TarWriter(str(path)) as tar:
        annotations = {key: value for key, value in row.items() if key != "image"}
        tar.write({"__key__": "s-1", "png": row["image"]["bytes"], "json": annotations})
    (picture,) = wds.WebDataset(str(path), shardshuffle=False).map(functools.partial(render, label=1))
    np.testing.assert_array_equal(picture.pixels, render(row, label=1).pixels)


# Orientation


@pytest.mark.parametrize(
    ("slice_dim", "landmark", "corner"),
    [
        (2, "right anterior", "top left"),
        (2, "left anterior", "top right"),
        (2, "right posterior", "bottom left"),
        (1, "right superior", "top left"),
        (1, "left superior", "top right"),
        (1, "right inferior", "bottom left"),
        (0, "anterior superior", "top left"),
        (0, "posterior superior", "top right"),
        (0, "anterior inferior", "bottom left"),
    ],
)
def test_radiological_puts_a_landmark_where_a_reader_looks_for_it(slice_dim, landmark, corner):
    volume = np.zeros((7, 9, 11), np.uint16)  # RAS+: x to the right, y to the anterior, z to the superior
    far = {"right": (0, -2), "left": (0, 1), "anterior": (1, -2), "posterior": (1, 1), "superior": (2, -2)}
    far["inferior"] = (2, 1)
    index: list[int] = [3, 3, 3]
    for word in landmark.split():
        axis, place = far[word]
        index[axis] = place
    volume[tuple(index)] = 3000
    stored = volume.take(3, axis=slice_dim)
    picture = render(slice_row(stored, stored > 0), label=1, orientation="radiological")
    height, width = stored.shape[1], stored.shape[0]
    assert picture.pixels.shape == (height, width)
    expected = (1 if "top" in corner else height - 2, 1 if "left" in corner else width - 2)
    assert np.argwhere(picture.pixels).tolist() == [list(expected)]
    (box,) = picture.segments[0]["boxes"]
    assert box["min_rc"] == box["max_rc"] == box["center_rc"] == list(expected)
    assert picture.pixel_spacing_mm == (2.0, 0.5)
    assert box["size_mm"] == [2.0, 0.5]
    assert picture.orientation == "radiological"


def test_array_orientation_keeps_rows_and_columns():
    stored = np.zeros((6, 9), np.uint16)
    stored[1, 7] = 3000
    picture = render(slice_row(stored, stored > 0), label=1)
    assert np.argwhere(picture.pixels).tolist() == [[1, 7]]
    assert picture.segments == slice_row(stored, stored > 0)["segments"]
    assert picture.pixel_spacing_mm == SPACING_MM


masks = st.integers(1, 12).flatmap(
    lambda height: st.integers(1, 12).flatmap(
        lambda width: (
            st.lists(st.booleans(), min_size=height * width, max_size=height * width)
            .filter(any)
            .map(lambda cells: np.array(cells).reshape(height, width))
        )
    )
)


@given(mask=masks)
def test_a_turned_box_is_the_box_of_the_turned_mask_and_turns_back(mask):
    move = Move(mask.shape, mask.shape, turned=True)
    turned = move.box(box_of(mask))
    expected = box_of(move.pixels(mask))
    for key in ("min_rc", "max_rc", "center_rc", "size_px"):
        assert turned[key] == expected[key]
    back = Move(mask.shape[::-1], mask.shape[::-1], turned=True)
    assert back.box(turned) == box_of(mask)
    np.testing.assert_array_equal(back.pixels(move.pixels(mask)), mask)


@given(mask=masks, factors=st.tuples(st.integers(1, 4), st.integers(1, 4)), turned=st.booleans())
def test_a_box_enlarged_by_whole_factors_is_the_box_of_the_enlarged_mask(mask, factors, turned):
    large = np.kron(mask, np.ones(factors, bool)).astype(bool)
    move = Move(mask.shape, large.shape, turned)
    moved, expected = move.box(box_of(mask)), box_of(move.pixels(large))
    for key in ("min_rc", "max_rc", "center_rc", "size_px"):
        assert moved[key] == expected[key]


@given(mask=masks, factors=st.tuples(st.integers(1, 4), st.integers(1, 4)))
def test_a_box_reduced_by_whole_factors_is_the_box_of_the_pixels_touched(mask, factors):
    large = np.kron(mask, np.ones(factors, bool)).astype(bool)
    large = np.roll(large, (1, 1), axis=(0, 1))
    touched = large.reshape(mask.shape[0], factors[0], mask.shape[1], factors[1]).any(axis=(1, 3))
    moved = Move(large.shape, mask.shape, turned=False).box(box_of(large))
    assert (moved["min_rc"], moved["max_rc"]) == (box_of(touched)["min_rc"], box_of(touched)["max_rc"])


@given(st.tuples(*[st.integers(1, 600)] * 4), st.booleans(), st.data())
def test_a_moved_box_stays_ordered_and_inside_any_picture(sizes, turned, data):
    shape, resized = sizes[:2], sizes[2:]
    low = [data.draw(st.integers(0, n - 1)) for n in shape]
    high = [data.draw(st.integers(a, n - 1)) for a, n in zip(low, shape, strict=True)]
    box = Move(shape, resized, turned).box({"min_rc": low, "max_rc": high, "size_mm": [1.0, 2.0]})
    picture = resized[::-1] if turned else resized
    for a, b, n in zip(box["min_rc"], box["max_rc"], picture, strict=True):
        assert 0 <= a <= b < n


# Resize


def test_resize_is_linear_between_corner_centres_and_comes_before_the_window():
    stored = np.array([[864, 1264, 1664]], np.uint16)  # -160, 240, 640 HU: half-way values are not windowed ones
    picture = render(slice_row(stored), label=1, size=(1, 5))
    assert picture.pixels.tolist() == [[0, 127, 255, 255, 255]]
    assert picture.pixel_spacing_mm == (0.5, 2.0 * 3 / 5)
    assert picture.image.size == (5, 1)


def test_two_valued_slices_take_the_nearest_pixel():
    stored = np.array([[0, 2000, 0, 0]], np.uint16)
    assert set(np.unique(render(slice_row(stored), label=1, size=(1, 13)).pixels)) == {0, 255}
    stored[0, 0] = 1
    assert len(np.unique(render(slice_row(stored), label=1, size=(1, 13)).pixels)) > 2


def test_size_is_that_of_the_picture_and_keeps_its_extent_in_mm():
    picture = render(slice_row(ramp()), label=1, orientation="radiological", size=(300, 10))
    assert picture.pixels.shape == (300, 10)
    assert picture.pixel_spacing_mm == pytest.approx((2.0 * 150 / 300, 0.5 * 20 / 10), rel=1e-12)


def test_physical_measures_survive_a_resize():
    stored = ramp(20, 30)
    mask = np.zeros(stored.shape, bool)
    mask[3:8, 10:21] = True
    source = slice_row(stored, mask)
    picture = render(source, label=1, size=(7, 90))
    (segment,), (before,) = picture.segments, source["segments"]
    assert (segment["pixel_count"], segment["area_mm2"]) == (before["pixel_count"], before["area_mm2"])
    (box,) = segment["boxes"]
    assert box["size_mm"] == before["boxes"][0]["size_mm"]
    assert (box["min_rc"], box["max_rc"]) == ([1, 30], [2, 62])  # rows [3, 8) * 0.35 = [1.05, 2.8)
    assert box["size_px"] == [2, 33]
    assert before == slice_row(stored, mask)["segments"][0]  # the row is left as it was


def test_ellipses_move_about_pixel_edges_and_keep_their_length_in_mm():
    points = {"center_rc": [4.5, 10.0], "major_end_rc": [8.0, 12.0], "major_start_rc": [1.0, 8.0]}
    points |= {"minor_end_rc": [5.5, 9.0], "minor_start_rc": [3.5, 11.0]}
    measures = {"pixel_count": 40, "major_mm": 8.7, "minor_mm": 4.1}
    lesion = {
        "lesion_task": 1,
        "label": 1,
        "name": "t",
        "n_total_clusters": 1,
        "ellipses": [measures | points],
    }
    row = slice_row(ramp(10, 24), lesions=[lesion])
    picture = render(row, size=(48, 30), orientation="radiological")  # rows by 3, columns by 2
    (moved,) = picture.lesions[0]["ellipses"]
    for name, (r, c) in points.items():
        assert moved[name] == pytest.approx([2 * (23.5 - c) - 0.5, 3 * (9.5 - r) - 0.5], abs=1e-12)
    assert {name: moved[name] for name in measures} == measures
    for ends in (("major_end_rc", "major_start_rc"), ("minor_end_rc", "minor_start_rc")):
        before = np.subtract(*(points[end] for end in ends)) * SPACING_MM
        after = np.subtract(*(moved[end] for end in ends)) * picture.pixel_spacing_mm
        assert np.linalg.norm(after) == pytest.approx(np.linalg.norm(before), rel=1e-12)


# Errors


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({}, {"label": 4}, r"label 4 is not on slice 's-1'; its labels: 1"),
        ({"segments": None}, {"label": 1}, r"its labels: none"),
        ({"modality": "MRI"}, {"label": 4, "window": "percentile"}, r"label 4 is not on slice"),
        ({}, {"window": "bone"}, r"window must be .* got 'bone'"),
        ({}, {"window": (0, 40)}, r"window must be .* got \(0, 40\)"),
        ({}, {"window": (400, float("nan"))}, r"window must be .* got \(400, nan\)"),
        ({}, {"window": (400, 40, 1)}, r"window must be .* got \(400, 40, 1\)"),
        ({}, {"window": 400}, r"window must be .* got 400"),
        ({}, {"window": None}, r"window must be .* got None"),
        ({}, {"orientation": "LPS"}, r"orientation must be .* got 'LPS'"),
        ({}, {"size": (0, 5)}, r"size must be .* got \(0, 5\)"),
        ({}, {"size": (2.5, 5)}, r"size must be .* got \(2.5, 5\)"),
        ({}, {"size": 448}, r"size must be .* got 448"),
        ({"image": None}, {}, r"slice 's-1' has no image: render rows of data/"),
        ({"image": {"bytes": None, "path": "a.png"}}, {}, r"slice 's-1' has no image"),
        (
            {"image": Image.new("RGB", (150, 20))},
            {},
            r"must be PNG bytes or a grey PIL image .* got Image RGB",
        ),
        ({"image": [[1, 2]]}, {}, r"got list"),
        ({"height": 21}, {}, r"image of slice 's-1' is \(20, 150\), its row says \(21, 150\)"),
        ({"png": b"x", "json": None, "__key__": "s-1"}, {}, r"sample 's-1' has a png but no json"),
    ],
)
def test_errors_name_what_came(columns, options, message):
    with pytest.raises(ValueError, match=message):
        render(slice_row(ramp(), **columns), **options)


def test_an_annotation_row_has_no_image_to_render():
    row = slice_row(ramp())
    del row["image"]
    with pytest.raises(ValueError, match=r"not of annotations/"):
        render(row)


def test_to_grey_leaves_its_input_alone():
    values = np.linspace(-500, 500, 35, dtype=np.float32).reshape(5, 7)
    before = values.copy()
    to_grey(values, (400.0, 40.0))
    to_grey(values, None)
    np.testing.assert_array_equal(values, before)
