"""Rows of one image at a time, whatever the tables are cut into."""

import pyarrow as pa
import pytest

from medvision.transforms.plans.cases import GRID_COLUMNS, Volumes
from medvision.transforms.plans.images import ImageKey, images_of, keys_of

IMAGES = [("a", 1, "", 3), ("a", 2, "", 1), ("b", 1, "", 4), ("b", 1, "b.txt", 2), ("c", 1, "c.txt", 1)]


def table() -> pa.Table:
    rows = [
        {"case_id": case, "task": task, "landmark_path": path, "slice_idx": index}
        for case, task, path, slices in IMAGES
        for index in range(slices)
    ]
    return pa.Table.from_pylist(rows)


EXPECTED = [(ImageKey(case, task, path != ""), list(range(slices))) for case, task, path, slices in IMAGES]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_images_of_any_cut(size: int) -> None:
    whole = table()
    cut = [whole.slice(start, size) for start in range(0, whole.num_rows, size)]
    cut.insert(1, whole.slice(0, 0))
    found = [(key, rows.column("slice_idx").to_pylist()) for key, rows in images_of(cut)]
    assert found == EXPECTED


def test_nothing_has_no_images() -> None:
    assert list(images_of([])) == list(images_of([table().slice(0, 0)])) == []


def test_at_most_one_image_is_held() -> None:
    read = []

    def tables() -> object:
        for start in range(table().num_rows):
            read.append(start)
            yield table().slice(start, 1)

    for number, (_, rows) in enumerate(images_of(tables())):
        ahead = 1 if number < len(IMAGES) - 1 else 0
        assert len(read) == sum(slices for *_, slices in IMAGES[: number + 1]) + ahead
        assert rows.num_rows == IMAGES[number][3]


def volumes(*images: tuple[str, int, str]) -> Volumes:
    rows = [dict.fromkeys(GRID_COLUMNS) | dict(zip(GRID_COLUMNS, image, strict=False)) for image in images]
    return Volumes(pa.Table.from_pylist(rows))


def test_volumes_are_taken_once_and_the_rest_is_known() -> None:
    found = volumes(("a", 1, ""), ("a", 2, ""), ("a", 1, "a.txt"))
    assert found.take(ImageKey("a", 2, False))["task"] == 2
    assert found.left() == [ImageKey("a", 1, False), ImageKey("a", 1, True)]
    for key in (ImageKey("a", 2, False), ImageKey("b", 1, False)):
        with pytest.raises(ValueError, match=f"image {key.case_id} of task {key.task}"):
            found.take(key)


def test_an_image_has_one_volume() -> None:
    with pytest.raises(ValueError, match="2 volume rows name 1 images"):
        volumes(("a", 1, ""), ("a", 1, ""))


def test_keys_of_rows() -> None:
    assert keys_of(table())[-1] == ImageKey("c", 1, True)
