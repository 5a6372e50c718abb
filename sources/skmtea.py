"""SKM-TEA: quantitative knee MRI (qDESS, two echoes) of 155 scans with cartilage and meniscus.

Images and mask come from one HDF5 file, so their voxels lie on one grid. The NIfTI masks of the release do not: those
of the DICOM track have the first two axes exchanged and some scans mirrored against the HDF5 arrays, those of the
raw-data track belong to images reconstructed from k-space (`files_recon_calib-24/`, which is not used).
"""

import json

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import Origin


def read_subjects(splits: list[bytes]) -> dict[str, str]:
    """Scan to subject from the publisher's annotation files; a subject may have been scanned at several time points.

    Raises:
        KeyError, ValueError: A file is not the JSON that the publisher describes.
    """
    images = (image for split in splits for image in json.loads(split)["images"])
    return {image["scan_id"]: f"subject_{image['subject_id']}" for image in images}


def read_axes(splits: list[bytes]) -> dict[str, str]:
    """Scan to axis codes from the same files: an axis "SI" grows from Superior to Inferior. A few scans run RL."""
    images = (image for split in splits for image in json.loads(split)["images"])
    return {image["scan_id"]: "".join(str(axis)[1] for axis in image["orientation"]) for image in images}


def _task(number: int, echo: int) -> Task:
    return Task(
        number=number,
        image="image_files/{case}.h5",
        member=f"echo{echo}",
        mask="image_files/{case}.h5",
        mask_member="seg",
        case=r"MTR_\d{3}",
        labels={
            1: "patellar cartilage",
            2: "femoral cartilage",
            3: "medial tibial cartilage",
            4: "lateral tibial cartilage",
            5: "medial meniscus",
            6: "lateral meniscus",
        },
        modality="MRI",
        description="knee magnetic resonance imaging (MRI) scan",
        upstream_images=f"Images-E{echo}",
    )


SKM_TEA = Dataset(
    name="SKM-TEA",
    package="SKM_TEA",
    patient=r"(MTR_\d{3})",
    patient_files=tuple(f"annotations/v1.0.0/{split}.json" for split in ("train", "val", "test")),
    read_patients=read_subjects,
    read_axes=read_axes,
    licence="",
    spdx="",  # Stanford's research use agreement: non-commercial, no redistribution
    redistribute=False,
    access="registration",
    homepage="https://aimi.stanford.edu/datasets/skm-tea-knee-mri",
    data_urls=("https://aimi.stanford.edu/datasets/skm-tea-knee-mri",),
    papers=("https://arxiv.org/abs/2203.06823",),
    citation=(
        "A. D. Desai, A. M. Schmidt, E. B. Rubin, C. M. Sandino, et al. SKM-TEA: A Dataset for Accelerated MRI "
        "Reconstruction with Dense Image Labels for Quantitative Clinical Evaluation. NeurIPS Datasets and "
        "Benchmarks, 2021."
    ),
    origin=Origin(
        access="by hand",
        bytes_about=900_000_000_000,
        steps=(
            "Log in at https://aimi.stanford.edu/datasets/skm-tea-knee-mri and accept the research use agreement.",
            "Download the archives (900 GB, 1.6 TB unpacked). A build needs image_files/ and annotations/ alone.",
            "Unpack them below ROOT/SKM-TEA/.",
        ),
        layout=("image_files/MTR_001.h5", "annotations/v1.0.0/train.json (val.json, test.json)"),
        missing="names, check sums and sizes of the archives",
    ),
    images_published=310,
    masks_published=155,
    bucket_bits=6,
    tasks=(_task(1, 1), _task(2, 2)),
)
