"""Names and versions of upstream's plan files, as they lie below `plans/` of a release."""

from __future__ import annotations

from medvision.schemas.dataset import Dataset
from medvision.schemas.rules import Rules

PLAN_KINDS = {"detection": "BoxSize", "segmentation": "MaskSize", "biometry": "TumorLesionSize"}
"""Kind of a plan to the annotation kind of its pairs; plans of landmarks are "biometry" too."""
PLANS = "plans"
AXES = ("x", "y", "z")
"""Ending of upstream's keys by slice_dim: `slice_profiles_x`, `slice_landmarks_x`."""
FIRST_VERSION = "1.0.0"
"""Of detection, segmentation and landmark plans: of the 22 datasets upstream never made them again."""
LANDMARK_SUFFIX = ".json.gz"


def version_tuple(text: str) -> tuple[int, ...]:
    """ "1.10.0" as (1, 10, 0). Raises ValueError for another form."""
    return tuple(int(part) for part in text.split("."))


def plan_kinds_of(dataset: Dataset) -> tuple[str, ...]:
    """Kinds of plans that upstream has of a dataset.

    Raises:
        ValueError: It has lesions and landmarks, whose plans would have one name.
    """
    if dataset.lesion_tasks and dataset.landmark_tasks:
        raise ValueError(f"{dataset.name} has lesions and landmarks; upstream has one biometry plan a dataset")
    of_masks = ("detection", "segmentation") if dataset.tasks else ()
    return (*of_masks, "biometry") if dataset.lesion_tasks or dataset.landmark_tasks else of_masks


def plan_version(dataset: Dataset, kind: str, rules: Rules) -> str:
    """Version in the name of a plan file."""
    return rules.lesion_plan if kind == "biometry" and dataset.lesion_tasks else FIRST_VERSION


def plan_folder(dataset: str) -> str:
    """Folder of a dataset's plans, relative to the release; paths inside plans are relative to it."""
    return f"{PLANS}/Datasets/{dataset}"


def plan_name(kind: str, version: str) -> str:
    return f"benchmark_plan_{kind}_v{version}.json.gz"


def counts_all_clusters(rules: Rules) -> bool:
    """Whether lesion plans hold `n_total_clusters`, and folders of landmarks end in the version."""
    return rules.counted_clusters == "all"


def stores_measurements(rules: Rules) -> bool:
    """Whether landmark files of lesions hold `measurements`: where lengths are not those between the stored ends."""
    return rules.conic_length == "fitted"
