"""HNTSMRG24: T2-weighted MRI of 150 patients with head and neck cancer, before and during radiotherapy.

Each patient's folder holds `preRT/` and `midRT/`. The `*_registered` files in `midRT/` are the earlier scan moved onto
the later one: copies, which match no pattern. A tumour may be gone at mid-treatment, so empty masks are legal.
"""

from medvision.schemas.dataset import Dataset, LesionTask, Task
from medvision.schemas.origin import Origin, ZenodoFile


def _task(number: int, time_point: str) -> Task:
    return Task(
        number=number,
        group=time_point,
        image=f"{{case}}/{time_point}/{{case}}_{time_point}_T2.nii.gz",
        mask=f"{{case}}/{time_point}/{{case}}_{time_point}_mask.nii.gz",
        case=r"\d+",
        labels={1: "primary gross tumor volume (head & neck)", 2: "metastatic lymph node"},
        modality="MRI",
        description="T2-weighted head and neck magnetic resonance imaging (MRI) scan",
        upstream_name=f"{{case}}_{time_point}_T2.nii.gz",
        upstream_case=f"{{case}}_{time_point}",
        upstream_mask_name=f"{{case}}_{time_point}_mask.nii.gz",
        upstream_images=f"HNTSMRG24-{time_point}/Images",
        upstream_masks=f"HNTSMRG24-{time_point}/Masks",
    )


HNTSMRG24 = Dataset(
    name="HNTSMRG24",
    package="HNTSMRG24",
    patient=r"(?:pre|mid)RT/(\d+)",
    licence="CC BY-NC 4.0",
    spdx="CC-BY-NC-4.0",
    redistribute=False,
    access="open",
    homepage="https://hntsmrg24.grand-challenge.org",
    data_urls=("https://zenodo.org/records/11199559/files/HNTSMRG24_train.zip",),
    papers=("https://arxiv.org/abs/2411.18585",),
    citation=(
        "K. A. Wahid, C. Dede, D. M. El-Habashy, S. Kamel, et al. Overview of the Head and Neck Tumor Segmentation "
        "for Magnetic Resonance Guided Applications (HNTS-MRG) 2024 Challenge. arXiv:2411.18585, 2024."
    ),
    origin=Origin(
        access="open",
        sources=(
            ZenodoFile(
                record=11199559,
                name="HNTSMRG24_train.zip",
                into="HNTSMRG24_train",
                sha256="675e3c56509b0b5bcaad1291990dfa4a8ef054bb468a71b6cd08189a5e67bfb6",
            ),
        ),
        bytes_about=13_900_000_000,
        layout=(
            "HNTSMRG24_train/2/preRT/2_preRT_T2.nii.gz",
            "HNTSMRG24_train/2/preRT/2_preRT_mask.nii.gz",
        ),
        missing="exact size",
    ),
    images_published=300,
    masks_published=300,
    bucket_bits=4,
    tasks=(_task(1, "midRT"), _task(2, "preRT")),
    lesion_tasks=(
        LesionTask(number=1, task=1, target=1),
        LesionTask(number=2, task=1, target=2, kind="node"),
        LesionTask(number=3, task=2, target=1),
        LesionTask(number=4, task=2, target=2, kind="node"),
    ),
)
