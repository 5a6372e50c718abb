"""Arrow schema of `medvision prompts`: one row a question about one picture, with its answer and target numbers."""

import json

import pyarrow as pa

from medvision.schemas.features import FOOTER_KEY, features_of
from medvision.schemas.pairs import LANDMARK_KINDS
from medvision.schemas.rows import IMAGE

QUESTIONS = ("box", "mask", "lesion", "diameter", "distance", "angle")
"""Kinds of questions. `diameter` and the exact angles are asked of releases by rules `exact` alone."""

QUESTION_OF = {"BoxSize": "box", "MaskSize": "mask", "TumorLesionSize": "lesion", "LesionDiameter": "diameter"}
"""Annotation kind to the kind of its questions; pairs on landmarks are asked by their type of measure."""

NUMBERS = {"box": 4, "mask": 1, "lesion": 2, "diameter": 2, "distance": 1, "angle": 1}
"""Target numbers of a question."""

UNITS = {"box": "", "mask": "mm2", "lesion": "mm", "diameter": "mm", "distance": "mm", "angle": "degree"}
"""Unit of the target numbers; those of a box are fractions of the picture."""

PROMPT_SCHEMA = pa.schema(
    [
        ("image", IMAGE),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("target", pa.list_(pa.float64())),
        ("unit", pa.string()),
        ("kind", pa.string()),
        ("config", pa.string()),
        ("pair_id", pa.string()),
        ("slice_id", pa.string()),
        ("dataset", pa.string()),
        ("modality", pa.string()),
        ("plane", pa.string()),
        ("label", pa.uint16()),
        ("label_name", pa.string()),
        ("metric_key", pa.string()),
        ("picture_wh", pa.list_(pa.int32())),
        ("content_wh", pa.list_(pa.int32())),
        ("image_wh", pa.list_(pa.int32())),
        ("pixel_mm_wh", pa.list_(pa.float64())),
        ("window", pa.list_(pa.float64())),
        ("single_instance", pa.bool_()),
        ("patient_side", pa.string()),
        ("split_source", pa.string()),
        ("flags", pa.list_(pa.string())),
    ]
)


def prompt_features() -> dict[str, object]:
    """Hugging Face features. Pictures are stored grey, a third of the bytes, and decoded as RGB for models."""
    return {**features_of(PROMPT_SCHEMA), "image": {"_type": "Image", "mode": "RGB"}}


def prompt_file_schema() -> pa.Schema:
    """The schema with the features in the footer."""
    info = {"info": {"features": prompt_features()}}
    return PROMPT_SCHEMA.with_metadata({FOOTER_KEY: json.dumps(info, sort_keys=True).encode()})


def questions_of(kind: str) -> tuple[str, ...]:
    """Kinds of questions that pairs of an annotation kind may be asked by; none for ratios."""
    if kind in QUESTION_OF:
        return (QUESTION_OF[kind],)
    metric = LANDMARK_KINDS[kind]
    return tuple(name for name in ("distance", "angle") if metric in ("", name))
