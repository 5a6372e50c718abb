"""Rules: one frozen table of named switches; a version is a set of values, never an `if` in a measure."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Rules:
    """What a release's numbers and splits follow.

    Attributes:
        name: "1.4.0" or "exact".
        spacing_source: "header_zooms" (upstream) or "affine" (column norms of the affine).
        grid_mismatch: "flag" keeps an image whose grid differs from its mask's; "reject" makes it a dead letter.
        grid_tolerance: Largest corner displacement, in units of the smallest spacing, that counts as equal.
        split_source: "file_shuffle" (upstream: per task, sorted basenames, seed 1024) or "patient_hash".
        train_fraction: Share of files or patients on the train side.
        ellipse_floor_mm, ellipse_floor_pixels: A cluster is measured when its fitted major axis is at least
            max(ellipse_floor_mm, ellipse_floor_pixels * larger pixel side).
        ellipse_min_points: Fewest contour points.
        ellipse_runaway: Largest major axis in units of the cluster's bounding-box diagonal.
        min_box_pixels, min_mask_pixels: Single-instance filters at load time.
        known_bad: "keep" reports cases listed as wrong and keeps them; "exclude" makes them dead letters.
        label_names: "upstream", or "exact" where a table says that upstream's are wrong; values that the publisher
            leaves without meaning then count as background.
        biometrics: Definition of the measures that pairs on landmarks are made of: "upstream" or "exact".
        drop_upstream_exclusions: Leave out the landmark cases that upstream dropped.
        physical_planes_only: Leave out planes whose axes are not both lengths.
    """

    name: str
    spacing_source: str
    grid_mismatch: str
    split_source: str
    grid_tolerance: float = 0.1
    train_fraction: float = 0.7
    ellipse_floor_mm: float = 2.0
    ellipse_floor_pixels: float = 2.0
    ellipse_min_points: int = 5
    ellipse_runaway: float = 1.5
    min_box_pixels: int = 10
    min_mask_pixels: int = 200
    known_bad: str = "keep"
    label_names: str = "upstream"
    biometrics: str = "upstream"
    drop_upstream_exclusions: bool = True
    physical_planes_only: bool = False

    def slice_switches(self) -> dict[str, object]:
        """The switches that change slice rows (and so a shard's key); the rest decide pairs and splits only."""
        decides_pairs = {
            "name",
            "split_source",
            "min_box_pixels",
            "min_mask_pixels",
            "known_bad",
            "biometrics",
            "drop_upstream_exclusions",
        }
        return {key: value for key, value in asdict(self).items() if key not in decides_pairs}


RULES = {
    "1.4.0": Rules("1.4.0", spacing_source="header_zooms", grid_mismatch="flag", split_source="file_shuffle"),
    "exact": Rules(
        "exact",
        spacing_source="affine",
        grid_mismatch="reject",
        split_source="patient_hash",
        known_bad="exclude",
        label_names="exact",
        biometrics="exact",
        drop_upstream_exclusions=False,
        physical_planes_only=True,
    ),
}
