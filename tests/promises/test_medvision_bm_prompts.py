"""Upstream's own benchmark code, as published, on the same pairs: its targets, sizes, names and pictures are ours.

Its modules of tasks want torch and more to be imported, so the functions that are needed are taken out of their source,
and run on NIfTI files turned to RAS+, as upstream's are.
"""

import ast
import functools
import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pyarrow.parquet as pq
import pytest
from miniature import write_miniature
from PIL import Image
from reader_places import place_of
from scipy.ndimage import zoom

from medvision.pipelines.prompts.options import PromptOptions
from medvision.pipelines.prompts.run import write_prompts
from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.schemas.rules import RULES
from medvision.sources.registry import find_dataset
from medvision.transforms.plans.tasks import plan_tasks

pytestmark = pytest.mark.heavy

CEPH = "Ceph-Biometrics-400"
DATASETS = ("ACDC", CEPH, "FeTA24", "KiTS23")
PLAN = {"box": "detection", "mask": "segmentation"}
MAKERS = {
    "box": "create_doc_to_text_BoxCoordinate",
    "mask": "create_doc_to_text_MaskSize",
    "lesion": "create_doc_to_text_TumorLesionSize",
    "distance": "create_doc_to_text_BiometricsFromLandmarks",
    "angle": "create_doc_to_text_BiometricsFromLandmarks",
}
TARGETS = {
    "box": "doc_to_target_BoxCoordinate",
    "mask": "doc_to_target_MaskSize",
    "lesion": "doc_to_target_TumorLesionSize",
    "distance": "doc_to_target_BiometricsFromLandmarks",
    "angle": "doc_to_target_BiometricsFromLandmarks",
}
THEIR_SIZES = re.compile(
    r"image size is (\d+) pixels \(width\) x (\d+) pixels \(height\)\.\s*"
    r"The pixel size for this image is ([\d.]+) millimeters \(width\) x ([\d.]+) millimeters \(height\)"
)
OUR_SIZES = re.compile(
    r"(\d+) pixels wide and (\d+) pixels high\. Each pixel is ([\d.]+) millimeters wide and ([\d.]+) millimeters high"
)
Row = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What upstream's functions take as a module of a dataset."""

    benchmark_plan: Row


def functions_of(source: Path, names: dict[str, Any], *wanted: str) -> dict[str, Any]:
    """Functions of a module, all or those wanted, without running its imports; `names` stand for those."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    every = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    tree.body = [node for node in every if not wanted or node.name in wanted]
    found = dict(names)
    exec(compile(tree, str(source), "exec"), found)
    return found


@pytest.fixture(scope="module")
def theirs() -> dict[str, Any]:
    reader = place_of("medvision_bm") / "medvision_bm"
    tasks = reader / "medvision_lmms_eval/lmms_eval/tasks/medvision/medvision_utils.py"
    texts = ("BIOMETRICS", "BOX_COORDINATES", "MASK_SIZE", "TUMOR_LESION_SIZE")
    names: dict[str, Any] = {"np": np, "functools": functools, "nib": nib, "os": os, "re": re, "zoom": zoom}
    found = functions_of(tasks, names | {f"FORMAT_PROMPT_{text}": "" for text in texts})
    return found | functions_of(reader / "sft/sft_utils.py", names, "normalize_ct_img", "normalize_general_img")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("bm-prompts")
    write_miniature(home / "raw", DATASETS, cases=2)
    run_build(BuildOptions(str(home / "raw"), str(home / "out"), DATASETS, formats=("parquet",)))
    return home


@pytest.fixture(scope="module")
def volume(home: Path) -> Callable[[Row], str]:
    """Path of a pair's image as RAS+ NIfTI; films, which carry no voxel size, at upstream's 0.1 mm."""

    def path_of(pair: Row) -> str:
        path = home / "ras" / pair["dataset_name"] / f"{pair['image_file'].replace('/', '_')}.nii.gz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            if pair["dataset_name"] == CEPH:
                film = nib.Nifti1Image(np.zeros(pair["image_size_3d"], np.uint8), np.diag([0.1, 0.1, 0.1, 1]))
                film.to_filename(path)
            else:
                raw = nib.load(home / "raw" / pair["dataset_name"] / pair["image_file"])
                if find_dataset(pair["dataset_name"]).spacing_in_header:  # nibabel would take 1 mm of its affine
                    scale = np.diag([*map(float, raw.header.get_zooms()), 1.0])
                    raw = nib.Nifti1Image(np.asanyarray(raw.dataobj), raw.affine @ scale)
                nib.as_closest_canonical(raw).to_filename(path)
        return str(path)

    return path_of


def pairs_of(home: Path) -> dict[str, Row]:
    files = sorted((home / "out/pairs").glob("*/*.parquet"))
    return {row["pair_id"]: row for path in files for row in pq.read_table(path).to_pylist()}


def plan_of(dataset: str, kind: str) -> Plan:
    tasks = plan_tasks(find_dataset(dataset), PLAN.get(kind, "biometry"), RULES["1.4.0"])
    return Plan({"tasks": [task.head for task in tasks]})


def doc_of(pair: Row, image: str) -> Row:
    """A row as upstream's loader gives it: lists of structs as structs of lists."""
    doc = {**pair, "image_file": image}
    for name in ("bounding_boxes", "biometric_profile"):
        if isinstance(pair.get(name), list):
            doc[name] = {key: [item[key] for item in pair[name]] for key in pair[name][0]}
    if isinstance(doc.get("biometric_profile"), dict) and isinstance(doc["biometric_profile"]["metric_unit"], list):
        doc["biometric_profile"]["metric_unit"] = doc["biometric_profile"]["metric_unit"][:1]
    return doc


def rows_of(out: Path) -> list[Row]:
    return [row for path in sorted((out / "data").iterdir()) for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize(
    ("processor", "model", "size"),
    [("", "", None), ("clip-336", "llava_med", None), ("medgemma", "medgemma", None), ("", "", (50, 96))],
)
def test_targets_and_stated_sizes(
    theirs: dict[str, Any],
    home: Path,
    volume: Callable[[Row], str],
    tmp_path: Path,
    processor: str,
    model: str,
    size: tuple[int, int] | None,
) -> None:
    pairs = pairs_of(home)
    asked = PromptOptions(processor=processor, image_size=size, per_config=4)
    write_prompts(str(home / "out"), str(tmp_path / "prompts"), asked)
    rows = rows_of(tmp_path / "prompts")
    assert {row["kind"] for row in rows} == set(MAKERS)
    own = theirs["get_resized_img_shape"]
    for row in rows:
        doc = doc_of(pairs[row["pair_id"]], volume(pairs[row["pair_id"]]))
        target = theirs[TARGETS[row["kind"]]](doc)
        assert np.atleast_1d(target).tolist() == row["target"]
        maker = theirs[MAKERS[row["kind"]]]
        maker.__globals__["get_resized_img_shape"] = own if model else lambda name, image, _: (image.shape, image.shape)
        question = maker(plan_of(row["dataset"], row["kind"]))(doc, {"model_name": model, "reshape_image_hw": size})
        maker.__globals__["get_resized_img_shape"] = own
        stated, ours = THEIR_SIZES.search(question), OUR_SIZES.search(row["question"])
        assert (stated and stated.groups()) == (ours and ours.groups()), row["pair_id"]
        assert (stated is None) == (row["kind"] == "box")
        for name in facts(question):
            assert name in row["question"]


def facts(question: str) -> list[str]:
    """Names that upstream's question gives: of the image, the label, the landmarks, the measure."""
    found = re.findall(r"input medical image: (.+?), (?:return|estimate)", question)
    found += re.findall(
        r"(?:bounding box for the|ellipse enclosing the|physical size of the) (.+?)(?:\.|, in | in )", question
    )
    found += [name for pair in re.findall(r"connecting (.+?) and (.+?)[,.]", question) for name in pair]
    found += re.findall(r"\(landmark \d\) (.+?)[,.]", question) + re.findall(r"distance of (.+?) in ", question)
    assert found
    return found


def test_pictures(theirs: dict[str, Any], home: Path, volume: Callable[[Row], str], tmp_path: Path) -> None:
    """From the raw NIfTI by upstream's code, for datasets whose pictures it does not resample."""
    pairs = pairs_of(home)
    seen = set()
    for size in (None, (50, 96)):
        out = tmp_path / str(size)
        asked = PromptOptions(configs=("ACDC*", "KiTS23*"), per_config=3, image_size=size)
        write_prompts(str(home / "out"), str(out), asked)
        for row in rows_of(out):
            pair = pairs[row["pair_id"]]
            where = volume(pair), pair["slice_dim"], pair["slice_idx"]
            _, values = theirs["_load_nifti_2d"](*where, new_shape_hw=size)
            normal = theirs["normalize_general_img"]
            expected = normal(values) if row["window"] is None else theirs["normalize_ct_img"](values, *row["window"])
            assert np.array_equal(np.asarray(Image.open(io.BytesIO(row["image"]["bytes"]))), expected), row["pair_id"]
            seen.add((row["dataset"], row["window"] is None, row["plane"]))
    assert len(seen) == 6
