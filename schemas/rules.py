"""Rules: one frozen table of named switches; a version is a set of values, never an `if` in a measure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Rules:
    """What a release's numbers and splits follow.

    Attributes:
        name: Version that the user asks for: "1.4.0", ... or "exact".
        lesion_plan: Version in the name of upstream's lesion plan files that hold these measures; "" has no plans.
        spacing_source: "header_zooms" (upstream) or "affine" (column norms of the affine).
        grid_mismatch: "flag" keeps an image whose grid differs from its mask's; "reject" makes it a dead letter.
        grid_tolerance: Largest corner displacement, in units of the smallest spacing, that counts as equal.
        split_source: "file_shuffle" (upstream: per task, basenames, seed 1024) or "patient_hash".
        lesion_split_order: Order of the basenames before the shuffle, for lesion tasks: "sorted", or "file_system",
            which cannot be computed again (1.0.0 listed folders as they came, and 1.1.x took over its lists).
        mask_split_order: The same for boxes and masks, whose plans were never drawn again.
        train_fraction: Share of files or patients on the train side.
        late_cases: Annotation kinds that hold the cases that a table lists as late: "none", "lesions" or "all".
        connectivity: Which pixels are neighbours in the instances that box pairs show: "edges" (4) or "corners" (8).
        lesion_axes: Axes that lesion pairs show: "conic" (upstream) or "moments".
        lesion_min_pixels: Smallest cluster that a conic is fitted to.
        conic_spacing: "paired" scales columns and rows by their own pixel size; "swapped" by each other's.
        conic_length: "fitted" takes the conic's axes; "rounded_ends" the distance of their ends as whole pixels.
        conic_gate: Whether the ends must lie between the cluster's box shrunk to 0.9 and grown to 1.1.
        conic_floor_mm, conic_floor_pixels: A cluster is measured when its major axis is at least
            max(conic_floor_mm, conic_floor_pixels * larger pixel side).
        conic_min_points: Fewest contour points.
        conic_min_minor_pixels: Least minor axis, in units of the smaller pixel side.
        conic_runaway: Largest major axis in units of the cluster's bounding-box diagonal; 0 for no limit.
        counted_clusters: What more than one of leaves a lesion pair out of the single-instance set: "all" clusters, or
            "measured" ones.
        min_box_pixels, min_mask_pixels: Single-instance filters at load time.
        known_bad: "keep" reports cases listed as wrong and keeps them; "exclude" makes them dead letters.
        label_names: "upstream", or "exact" where a table says that upstream's are wrong; values that the publisher
            leaves without meaning then count as background.
        biometrics: Definition of the measures that pairs on landmarks are made of: "upstream" or "exact".
        drop_upstream_exclusions: Leave out the landmark cases that upstream dropped.
        physical_planes_only: Leave out planes whose axes are not both lengths.
    """

    name: str
    lesion_plan: str
    spacing_source: str = "header_zooms"
    grid_mismatch: str = "flag"
    grid_tolerance: float = 0.1
    split_source: str = "file_shuffle"
    lesion_split_order: str = "sorted"
    mask_split_order: str = "file_system"
    train_fraction: float = 0.7
    late_cases: str = "lesions"
    connectivity: str = "edges"
    lesion_axes: str = "conic"
    lesion_min_pixels: int = 0
    conic_spacing: str = "paired"
    conic_length: str = "fitted"
    conic_gate: bool = False
    conic_floor_mm: float = 2.0
    conic_floor_pixels: float = 2.0
    conic_min_points: int = 5
    conic_min_minor_pixels: float = 1.0
    conic_runaway: float = 1.5
    counted_clusters: str = "all"
    min_box_pixels: int = 10
    min_mask_pixels: int = 200
    known_bad: str = "keep"
    label_names: str = "upstream"
    biometrics: str = "upstream"
    drop_upstream_exclusions: bool = True
    physical_planes_only: bool = False

    def slice_switches(self) -> dict[str, object]:
        """The switches that change slice rows (and so a shard's key); the rest decide pairs, plans and splits only."""
        return {key: value for key, value in asdict(self).items() if key not in PAIR_SWITCHES}


PAIR_SWITCHES = {
    *("name", "lesion_plan", "split_source", "lesion_split_order", "mask_split_order", "train_fraction", "late_cases"),
    *("connectivity", "lesion_axes", "counted_clusters", "min_box_pixels", "min_mask_pixels"),
    *("known_bad", "biometrics", "drop_upstream_exclusions"),
}
"""Switches that no slice row shows."""

_V1_4_0 = Rules("1.4.0", lesion_plan="1.4.0")
_V1_1_1 = replace(
    _V1_4_0,
    name="1.1.1",
    lesion_plan="1.1.1",
    lesion_split_order="file_system",
    late_cases="none",
    lesion_min_pixels=20,
    conic_gate=True,
    conic_floor_mm=0.0,
    conic_floor_pixels=0.0,
    conic_min_minor_pixels=0.0,
    conic_runaway=0.0,
)
_V1_1_0 = replace(_V1_1_1, name="1.1.0", lesion_plan="1.1.0", conic_spacing="swapped", conic_length="rounded_ends")
_V1_0_0 = replace(_V1_1_0, name="1.0.0", lesion_plan="1.0.0", lesion_min_pixels=200, counted_clusters="measured")
_EXACT = replace(
    _V1_4_0,
    name="exact",
    lesion_plan="",
    spacing_source="affine",
    grid_mismatch="reject",
    split_source="patient_hash",
    late_cases="all",
    connectivity="corners",
    lesion_axes="moments",
    known_bad="exclude",
    label_names="exact",
    biometrics="exact",
    drop_upstream_exclusions=False,
    physical_planes_only=True,
)

RULES = {
    "1.0.0": _V1_0_0,
    "1.1.0": _V1_1_0,
    "1.1.1": _V1_1_1,
    **{name: replace(_V1_1_1, name=name) for name in ("1.2.0", "1.2.1", "1.3.0")},
    "1.4.0": _V1_4_0,
    "exact": _EXACT,
}
"""Every set of rules by name. For the 22 datasets 1.2.0, 1.2.1 and 1.3.0 changed nothing of 1.1.1."""
