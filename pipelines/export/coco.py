"""COCO detection files: one a dataset, side and plane, with run-length masks of lesions."""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

import numpy as np
import orjson

from medvision.pipelines.export.boxes import ShownBox, component_masks, shown_boxes
from medvision.pipelines.export.coco_categories import Categories, read_categories
from medvision.pipelines.export.extra import need
from medvision.pipelines.export.folder import ExportError, safe_name
from medvision.pipelines.export.job import ExportJob
from medvision.pipelines.export.json_list import JsonList
from medvision.pipelines.export.select import side_of
from medvision.pipelines.release import ReleaseError
from medvision.schemas.record import PublishedFile
from medvision.schemas.rows import ANNOTATION_SCHEMA
from medvision.sources.registry import DATASETS

COLUMNS = (
    *("slice_id", "dataset", "case_id", "patient", "task", "modality", "plane", "slice_dim"),
    *("slice_idx", "height", "width", "pixel_spacing_mm", "mask_pixel_spacing_mm", "mask_path", "flags"),
    "segments",
    *(f"lesions.list.element.{name}" for name in ("label", "origin_rc", "size_rc", "runs")),
)
SPOOL_BYTES = 1 << 22
"""Of a list in memory; what goes beyond waits on the disk."""
Row = Mapping[str, Any]


def write_coco(job: ExportJob) -> None:
    """Write `<Dataset>/<side>-<plane>.json` for each that has slices with a mask, and the images if asked.

    Images of landmarks alone have no boxes by nature and are left out: listed, they would count as empty.

    Raises:
        ExportError: pycocotools is missing, or images are asked of a dataset without.
        ReleaseError: A mask does not fit its boxes.
    """
    mask_api = need("pycocotools.mask", "coco")
    data = {file.path for file in job.release.files("data")}
    if (job.options.images or "none") != "none":
        _require_images(job)
    for dataset in job.selection.names(job.release):
        categories = read_categories(job.release, dataset)
        for side in job.selection.sides:
            files = [f for f in job.selection.files(job.release) if f.dataset == dataset and side_of(f) == side]
            with _CocoFiles(job, categories, side, mask_api) as written:
                for file in files:
                    for row in _rows(job, file, data):
                        written.add(row)
                        job.advance(1)


def _require_images(job: ExportJob) -> None:
    held = {file.dataset for file in job.release.files("data")}
    without = {file.dataset for file in job.selection.files(job.release)} - held
    if without:
        names = ", ".join(sorted(without))
        raise ExportError(
            f"{job.release.url} holds no images of {names} in Parquet files: built without them, in tars alone, or "
            "kept out by licence; leave --images out, or name others by --dataset"
        )


def _rows(job: ExportJob, file: PublishedFile, data: set[str]) -> Iterator[Row]:
    """Rows of an annotation file that have a mask, with their images where those are asked."""
    columns: Sequence[str] = COLUMNS
    if (job.options.images or "none") != "none":
        twin = "data" + file.path.removeprefix("annotations")
        if twin not in data:
            raise ReleaseError(f"{job.release.url} has {file.path} but no {twin}; run `medvision validate`")
        file = PublishedFile(twin, "data", file.dataset, 0, 0, "")
        columns = ("image", *ANNOTATION_SCHEMA.names)  # `render` takes whole rows
    return (row for row in job.selection.rows(job.release, file, columns) if row["mask_path"])


class _CocoFiles:
    """The COCO files of one dataset and side, one a plane, as a context; each is begun with its first slice."""

    def __init__(self, job: ExportJob, categories: Categories, side: str, mask_api: Any) -> None:
        self.job, self.categories, self.side, self.mask_api = job, categories, side, mask_api
        self._images: dict[str, tuple[IO[bytes], JsonList]] = {}
        self._annotations: dict[str, tuple[IO[bytes], JsonList]] = {}

    def __enter__(self) -> _CocoFiles:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                for plane in self._images:
                    self._finish(plane)
        finally:
            for spool, _ in (*self._images.values(), *self._annotations.values()):
                spool.close()

    def add(self, row: Row) -> None:
        """An image and its annotations."""
        plane = row["plane"]
        if plane not in self._images:
            self._images[plane], self._annotations[plane] = _spool(), _spool()
        images, annotations = self._images[plane][1], self._annotations[plane][1]
        picture = image_entry(row, images.count + 1)
        images.add(picture)
        for entry in annotation_entries(row, picture["id"], self.categories, self.job, self.mask_api):
            annotations.add({"id": annotations.count + 1, **entry})
            self.job.counts["annotations"] += 1
            self.job.counts["masks"] += "segmentation" in entry
        self.job.counts["images"] += 1
        if row.get("image"):
            with self.job.folder.open(self.categories.dataset, *picture["file_name"].split("/")) as out:
                out.write(_png(row, self.job.options.images))

    def _finish(self, plane: str) -> None:
        head = {
            "description": f"{self.categories.dataset}, {self.side} patients, {plane} slices",
            "version": f"MedVision rules {self.job.release.manifest['rules']}",
        }
        with self.job.folder.open(self.categories.dataset, f"{self.side}-{plane}.json") as out:
            out.write(b'{"info":' + orjson.dumps(head))
            out.write(b',\n"licenses":' + orjson.dumps(_licences(self.categories.dataset)))
            out.write(b',\n"categories":' + orjson.dumps(self.categories.to_json()))
            for name, (spool, _) in (("images", self._images[plane]), ("annotations", self._annotations[plane])):
                out.write(f',\n"{name}":['.encode())
                spool.seek(0)
                shutil.copyfileobj(spool, out)
                out.write(b"]")
            out.write(b"}\n")


def _spool() -> tuple[IO[bytes], JsonList]:
    file: Any = tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - closed by the context
    return file, JsonList(file)


def _licences(dataset: str) -> list[dict[str, Any]]:
    table = DATASETS.get(dataset)
    return [] if table is None else [{"id": 1, "name": table.licence, "url": table.homepage}]


def image_entry(row: Row, number: int) -> dict[str, Any]:
    """COCO's `images` entry. Rows of the array are image rows (y), its columns image columns (x), not turned."""
    stem = row["slice_id"].rsplit("-", 2)[0]
    licence = {"license": 1} if row["dataset"] in DATASETS else {}
    return {
        "id": number,
        "file_name": f"images/{safe_name(stem)}/{safe_name(row['slice_id'] + '.png')}",
        "width": row["width"],
        "height": row["height"],
        **licence,
        **{name: row[name] for name in ("slice_id", "case_id", "patient", "task", "modality", "plane")},
        **{name: row[name] for name in ("slice_dim", "slice_idx", "pixel_spacing_mm", "flags")},
    }


def annotation_entries(
    row: Row, image_id: int, categories: Categories, job: ExportJob, mask_api: Any
) -> Iterator[dict[str, Any]]:
    """COCO's `annotations` of a slice: one a box; with `segmentation` where the slice keeps the label's mask.

    Raises:
        ReleaseError: A part of a mask does not fit its box.
    """
    pixel_mm2 = row["mask_pixel_spacing_mm"][0] * row["mask_pixel_spacing_mm"][1]
    for segment in row["segments"]:
        boxes = shown_boxes(segment, job.rules)
        masks: list[np.ndarray | None] = list(component_masks(row, segment, job.rules))
        masks = masks or [None] * len(boxes)
        for box, mask in zip(boxes, masks, strict=True):
            entry = {
                "image_id": image_id,
                "category_id": categories.id_of(row["task"], segment["label"]),
                "bbox": xywh(box),
                "area": box.pixel_count,
                "iscrowd": 0,
                "size_mm": list(box.size_mm),
                "area_mm2": box.pixel_count * pixel_mm2,
            }
            if mask is not None:
                entry["segmentation"] = _encode(mask, box, row, mask_api)
            yield entry


def xywh(box: ShownBox) -> list[int]:
    """[x, y, width, height] in pixels: x is the first column, and a box of one pixel is 1 wide."""
    (top, left), (bottom, right) = box.min_rc, box.max_rc
    return [left, top, right - left + 1, bottom - top + 1]


def _encode(mask: np.ndarray, box: ShownBox, row: Row, mask_api: Any) -> dict[str, Any]:
    encoded = mask_api.encode(np.asfortranarray(mask, np.uint8))
    if mask_api.toBbox(encoded).tolist() != xywh(box) or int(mask_api.area(encoded)) != box.pixel_count:
        raise ReleaseError(f"{row['slice_id']}: a mask does not fit its box {xywh(box)}; run `medvision validate`")
    return {"size": list(encoded["size"]), "counts": encoded["counts"].decode("ascii")}


def _png(row: Row, images: str) -> bytes:
    """The picture as stored, or as a model sees it: grey, 8 bits."""
    if images == "png16":
        return bytes(row["image"]["bytes"])
    from PIL import Image

    from medvision.transforms.render import render

    out = io.BytesIO()
    Image.fromarray(render(row).pixels).save(out, "PNG")
    return out.getvalue()
