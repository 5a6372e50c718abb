"""Put the description together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from medvision.pipelines.card.configs import configs
from medvision.pipelines.card.limits import BURNED_IN, NOT_FOR_CARE, known_limits
from medvision.pipelines.croissant.context import CROISSANT, RAI, context
from medvision.pipelines.croissant.distribution import file_objects
from medvision.pipelines.croissant.record_sets import record_sets
from medvision.schemas.dataset import Dataset
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import PublishedFile
from medvision.schemas.rows import SCHEMA_VERSION
from medvision.transforms.plan import ALGORITHM_VERSION

PAPER = "https://arxiv.org/abs/2511.18676"
CITATION = (
    "Y. Yao, Y. Zong, R. Dutt, Y. Yang, S. A. Tsaftaris, T. Hospedales. MedVision: Dataset and Benchmark for "
    f"Quantitative Medical Image Analysis. arXiv:2511.18676, 2025. {PAPER}"
)
SPDX = "https://spdx.org/licenses/{}.html"


def croissant_text(
    datasets: Sequence[Dataset],
    files: Sequence[PublishedFile],
    others: Mapping[str, Mapping[str, Any]],
    summary: dict[str, Any],
    options: BuildOptions,
) -> str:
    """The JSON-LD of a release; paths in it are relative to the release.

    Args:
        datasets: Tables of its datasets.
        files: Its published files.
        others: Further files, such as the card and the tables: path to their `bytes` and `sha256`.
        summary: Counts by dataset, as in the manifest.
        options: The build.
    """
    sets, records = record_sets(configs(files))
    document = {
        "@context": context(),
        "@type": "sc:Dataset",
        "conformsTo": [CROISSANT, RAI],
        "name": "MedVision",
        "description": (
            f"2D slices of {len(datasets)} public medical image datasets with bounding boxes, mask sizes, lesion axes "
            f"and landmark measures, in pixels, millimetres and degrees, by rules {options.rules}. Original "
            "intensity = pixel * intensity_scale + intensity_offset."
        ),
        "url": PAPER,
        "version": f"{SCHEMA_VERSION}.{ALGORITHM_VERSION}.0",
        "license": sorted({SPDX.format(d.spdx) if d.spdx else d.homepage for d in datasets}),
        "citeAs": " ".join([CITATION, *(dataset.citation for dataset in datasets)]),
        "keywords": sorted({"medical imaging", *(name for dataset in datasets for name in _modalities(dataset))}),
        "isBasedOn": [dataset.homepage for dataset in datasets],
        **_responsible(datasets, summary, options),
        "distribution": [*file_objects(files, others), *sets],
        "recordSet": records,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _responsible(datasets: Sequence[Dataset], summary: dict[str, Any], options: BuildOptions) -> dict[str, Any]:
    """Fields of Croissant RAI 1.0."""
    return {
        "rai:dataCollection": "Images and masks or landmarks come from the raw archives of their publishers; "
        "sources.parquet has the sha256 of each file that was read. No image was taken for this release.",
        "rai:dataCollectionType": ["Secondary Data Analysis"],
        "rai:dataCollectionRawData": "; ".join(f"{dataset.name}: {dataset.homepage}" for dataset in datasets),
        "rai:dataPreprocessingProtocol": [
            "Volumes are turned to RAS+ by flips and permutations of axes, and not resampled.",
            f"Slices across {', '.join(options.planes)} that show a label or a landmark are kept as lossless PNG; "
            "intensities are stored exactly where 16 bits can hold them, else with their error bound.",
        ],
        "rai:dataAnnotationProtocol": "Boxes, areas, lesion axes, diameters, angles and distances are computed from "
        f"the publishers' masks and landmarks, by rules {options.rules}; no person annotated anything for it.",
        "rai:dataManipulationProtocol": "Of an image's header only geometry and intensity scale are kept.",
        "rai:dataLimitations": known_limits(datasets, summary, options),
        "rai:dataBiases": "Patients, scanners and protocols are those of the sources, mostly of single hospitals and "
        "challenges; diseases that a source was made for are far more frequent than in a clinic.",
        "rai:dataUseCases": "Training and evaluation of models that find, outline or measure anatomy and lesions. "
        + NOT_FOR_CARE,
        "rai:dataSocialImpact": "Measures with units allow errors of models to be stated in millimetres and degrees; "
        "a model that does well here is not thereby fit for use on patients.",
        "rai:personalSensitiveInformation": ["Health data of patients whom the sources have de-identified.", BURNED_IN],
        "rai:dataReleaseMaintenancePlan": "A release is a function of raw files, dataset tables and rules; it is built "
        "anew when one of them changes, and never edited.",
    }


def _modalities(dataset: Dataset) -> set[str]:
    return {task.modality for task in dataset.tasks} | {task.modality for task in dataset.landmark_tasks}
