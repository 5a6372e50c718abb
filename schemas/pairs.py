"""Arrow schemas of the pairs: one row an image-annotation pair, as upstream counts them, with upstream's field names.

A pair is (image, plane, slice, target, annotation kind). `single_instance` says whether upstream's default
("single-instance") set holds it; `excluded_reason` says why not. The image is reached by `slice_file` and
`slice_row`, or by joining `slice_id`. What each column means stands in definitions/.
"""

import pyarrow as pa

from medvision.schemas.dataset import Dataset
from medvision.schemas.rows import CHORD
from medvision.schemas.rules import Rules

TASK_TYPES = {
    "BoxSize": "Box-Size",
    "MaskSize": "Mask-Size",
    "TumorLesionSize": "Tumor-Lesion-Size",
    "LesionDiameter": "Lesion-Diameter",
    "BiometricsFromLandmarks": "Biometrics-From-Landmarks",
    "BiometricsFromLandmarks_Distance": "Biometrics-From-Landmarks-Distance",
    "BiometricsFromLandmarks_Angle": "Biometrics-From-Landmarks-Angle",
    "BiometricsFromLandmarks_Ratio": "Biometrics-From-Landmarks-Ratio",
}
"""Annotation kinds as they stand in config names, and the `taskType` of their rows.

Upstream has neither lesion diameters nor ratios.
"""
KINDS = tuple(TASK_TYPES)
LESION_KINDS = ("TumorLesionSize", "LesionDiameter")
"""Kinds that are numbered by lesion task."""
LANDMARK_KINDS = {kind: kind.partition("_")[2].lower() for kind in KINDS if kind.startswith("Biometrics")}
"""Kind of pairs on landmarks to their metric type, "" for any."""

COMMON: list[tuple[str, pa.DataType]] = [
    ("pair_id", pa.string()),
    ("slice_id", pa.string()),
    ("slice_file", pa.string()),
    ("slice_row", pa.uint32()),
    ("dataset_name", pa.string()),
    ("taskID", pa.string()),
    ("taskType", pa.string()),
    ("image_file", pa.string()),
    ("mask_file", pa.string()),
    ("slice_dim", pa.uint8()),
    ("slice_idx", pa.uint16()),
    ("image_size_2d", pa.list_(pa.uint16())),
    ("pixel_size", pa.list_(pa.float64())),
    ("image_size_3d", pa.list_(pa.uint16())),
    ("voxel_size", pa.list_(pa.float64())),
    ("label", pa.uint16()),
    ("label_name", pa.string()),
    ("patient_side", pa.string()),
    ("split_source", pa.string()),
    ("flags", pa.list_(pa.string())),
    ("single_instance", pa.bool_()),
    ("excluded_reason", pa.string()),
]

BOUNDING_BOX = pa.struct(
    [
        ("min_coords", pa.list_(pa.uint16())),
        ("max_coords", pa.list_(pa.uint16())),
        ("center_coords", pa.list_(pa.uint16())),
        ("dimensions", pa.list_(pa.uint16())),
        ("sizes", pa.list_(pa.float64())),
    ]
)

BIOMETRIC_PROFILE = pa.struct(
    [
        ("metric_type", pa.string()),
        ("metric_map_name", pa.string()),
        ("metric_key_major_axis", pa.string()),
        ("metric_value_major_axis", pa.float64()),
        ("metric_key_minor_axis", pa.string()),
        ("metric_value_minor_axis", pa.float64()),
        ("metric_unit", pa.string()),
    ]
)

DIAMETER = pa.struct(
    [
        ("lesion_id", pa.uint32()),
        ("longest", CHORD),
        ("perpendicular", CHORD),
        ("measure_mm", pa.float64()),
        ("raster_mm", pa.float64()),
        ("flags", pa.list_(pa.string())),
    ]
)

LANDMARK_METRIC = pa.struct(
    [
        ("metric_type", pa.string()),
        ("metric_map_name", pa.string()),
        ("metric_key", pa.string()),
        ("metric_value", pa.float64()),
        ("metric_unit", pa.string()),
        ("slice_dim", pa.uint8()),
    ]
)

PAIR_SCHEMAS = {
    "BoxSize": pa.schema([*COMMON, ("bounding_boxes", pa.list_(BOUNDING_BOX))]),
    "MaskSize": pa.schema([*COMMON, ("pixel_count", pa.uint32()), ("ROI_area", pa.float64())]),
    "TumorLesionSize": pa.schema(
        [
            *COMMON,
            ("definition", pa.string()),
            ("n_total_clusters", pa.uint32()),
            ("biometric_profile", pa.list_(BIOMETRIC_PROFILE)),
        ]
    ),
    "LesionDiameter": pa.schema(
        [
            *COMMON,
            ("lesion_kind", pa.string()),
            ("n_total_clusters", pa.uint32()),
            ("diameters", pa.list_(DIAMETER)),
        ]
    ),
    **{
        kind: pa.schema(
            [
                *COMMON,
                ("landmark_source", pa.string()),
                ("landmark_file", pa.string()),
                ("definition", pa.string()),
                ("biometric_profile", LANDMARK_METRIC),
            ]
        )
        for kind in LANDMARK_KINDS
    },
}


def kinds_of(dataset: Dataset, rules: Rules) -> tuple[str, ...]:
    """Annotation kinds of a dataset's configs, as upstream names them.

    Landmark measures of several types get a kind for each type, those of one type the plain kind.
    """
    types = {measure.kind for task in dataset.landmark_tasks for measure in task.measures}
    kinds = ["BoxSize", "MaskSize"] if dataset.tasks else []
    if dataset.lesion_tasks:
        kinds += LESION_KINDS if rules.lesion_axes == "moments" else LESION_KINDS[:1]
    kinds += [kind for kind, metric in LANDMARK_KINDS.items() if types and bool(metric) == (len(types) > 1)]
    return tuple(kinds)


def config_name(dataset: str, kind: str, task: int, plane: str, split: str) -> str:
    """Upstream's config name, such as `MSD_BoxSize_Task08_Axial_Train`."""
    return f"{dataset}_{kind}_Task{task:02d}_{plane.capitalize()}_{split.capitalize()}"


def kind_of_config(config: str) -> str:
    """Annotation kind of a config name. Raises KeyError when it names none."""
    for kind in KINDS:
        if f"_{kind}_Task" in config:
            return kind
    raise KeyError(f"config {config!r} names none of {', '.join(KINDS)}")
