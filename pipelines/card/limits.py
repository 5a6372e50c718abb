"""What a user of a release must know of its limits: sentences that hold for this release, from its own facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medvision.schemas.dataset import PLANES, Dataset
from medvision.schemas.options import BuildOptions

NOT_FOR_CARE = (
    "Research data only. Measures are taken from published masks and landmarks by geometry, not by a clinician; do not "
    "use them for diagnosis or treatment."
)
BURNED_IN = (
    "No field of an image's header but its geometry and intensity scale is copied, so no name, date or number of a "
    "patient is; text burned into the pixels of a source is not looked for."
)


def known_limits(datasets: Sequence[Dataset], summary: dict[str, Any], options: BuildOptions) -> list[str]:
    """Sentences, the general ones last."""
    return [*_withheld(options), *_left_out(summary), *_rules(datasets, options), *_sources(datasets), *_general()]


def private_sources(datasets: Sequence[Dataset], options: BuildOptions) -> list[str]:
    """Datasets whose images are in the release and may not be passed on."""
    return [d.name for d in datasets if options.of(d.name).images != "none" and not d.redistribute]


def _withheld(options: BuildOptions) -> list[str]:
    if options.images == "none":
        return ["Annotations only: pixels are in the raw archives."]
    if not options.annotations_only:
        return []
    names = ", ".join(options.annotations_only)
    return [f"Annotations only, without images, by licence: {names}."]


def _left_out(summary: dict[str, Any]) -> list[str]:
    count = sum(sum(item["dead_letters"].values()) for item in summary.values())
    return [f"{count:,} cases or images were left out; `dead_letters/` says which, and why."] if count else []


def _rules(datasets: Sequence[Dataset], options: BuildOptions) -> list[str]:
    rules, found = options.rule_table, []
    if rules.lesion_axes == "conic":
        found.append(
            "Lesion axes are those of a conic through pixel centres, as upstream's: about one pixel short at each "
            "lesion, and no RECIST diameters. The columns `lesions.regions` hold exact measures beside them."
        )
    if rules.biometrics == "upstream" and any(dataset.landmark_tasks for dataset in datasets):
        found.append(
            "Angles of pairs are folded into 0 to 90 degrees, as upstream's; `biometrics` holds signed ones beside "
            "them."
        )
    if rules.split_source == "file_shuffle":
        found.append(
            "The splits of pairs follow upstream's per-file shuffle: a patient can stand in both. `patient_side` and "
            "the splits of slices never let one do so. Lists that upstream drew in file-system order cannot be drawn "
            "again; their pairs say `split_source: approximated`."
        )
    if rules.label_names == "upstream":
        wrong = [dataset.name for dataset in datasets if any(task.labels_known_wrong for task in dataset.tasks)]
        found += [
            f"Label names known to be exchanged are kept as upstream has them, and flagged: {', '.join(wrong)}."
        ] * (len(wrong) > 0)
    return found


def _sources(datasets: Sequence[Dataset]) -> list[str]:
    found = []
    shared = [f"{d.name} ({d.source_pool})" for d in datasets if d.source_pool]
    if shared:
        found.append(
            "Public datasets reuse each other's scans, and splits hold within one dataset only. Known to share: "
            + "; ".join(shared)
            + "."
        )
    flat = [d.name for d in datasets if any(task.physical_planes != PLANES for task in d.tasks)]
    if flat:
        found.append(
            f"Not every axis of {', '.join(flat)} is a length (one is time): rows of the other planes are flagged "
            "`not_spatial`, and their millimetres mean nothing."
        )
    films = [d.name for d in datasets if any(task.spacing_mm for task in d.landmark_tasks)]
    if films:
        found.append(f"Films of {', '.join(films)} have one stated pixel size; magnification is not corrected.")
    return found


def _general() -> list[str]:
    return [
        "Masks are as their publishers made them, of very different quality; nothing was annotated or corrected here.",
        BURNED_IN,
        NOT_FOR_CARE,
    ]
