"""KiTS23: contrast-enhanced CT of 489 patients with kidney, tumour and cyst labels.

The git release ships the masks; a script of the publisher fetches the images into the same case folders. The
files under `instances/` are single annotators' readings and are not used.
"""

from medvision.schemas.dataset import Dataset, LesionTask, Task
from medvision.schemas.origin import HubFiles, Origin, WebFile

KITS23 = Dataset(
    name="KiTS23",
    package="KiTS23",
    patient=r"(case_\d{5})",
    licence="CC BY-NC-SA 4.0",
    spdx="CC-BY-NC-SA-4.0",
    redistribute=False,
    access="open",
    homepage="https://kits-challenge.org/kits23/",
    data_urls=(
        "https://github.com/neheller/kits23",
        "https://huggingface.co/datasets/neheller/KiTS-Challenge-Imaging",
    ),
    papers=("https://arxiv.org/abs/2307.01984", "https://doi.org/10.1016/j.media.2020.101821"),
    citation=(
        "N. Heller, F. Isensee, D. Trofimova, R. Tejpaul, et al. The KiTS21 Challenge: Automatic "
        "segmentation of kidneys, renal tumors, and renal cysts in corticomedullary-phase CT. "
        "arXiv:2307.01984, 2023."
    ),
    origin=Origin(
        access="open",
        sources=(
            WebFile(
                url="https://github.com/neheller/kits23/archive/c1088353084c17b8882a11db71429e7c022b7785.zip",
                name="kits23.zip",
                into="masks",
                part="masks",
                fixed=False,
            ),
            HubFiles(
                repo="neheller/KiTS-Challenge-Imaging",
                revision="65f1f295873a326230153c7e1de0c7dba10f0b29",
                files=r"images/(case_\d{5})\.nii\.gz",
                into=r"images/\1/imaging.nii.gz",
                part="images",
            ),
        ),
        layout=("images/case_00000/imaging.nii.gz", "masks/dataset/case_00000/segmentation.nii.gz"),
        missing="sizes; check sum of the masks: the server packs them anew each time, so what is inside is held to the "
        "first fetch",
    ),
    images_published=489,
    masks_published=489,
    bucket_bits=6,
    tasks=(
        Task(
            number=1,
            image="{case}/imaging.nii.gz",
            mask="{case}/segmentation.nii.gz",
            case=r"case_\d{5}",
            labels={1: "kidney", 2: "kidney tumor", 3: "kidney cyst"},
            modality="CT",
            description="corticomedullary-phase computed tomography (CT) scan",
        ),
    ),
    lesion_tasks=(LesionTask(number=1, task=1, target=2),),
    source_pool="AbdomenAtlas1.0Mini, AbdomenCT-1K",
    suspect={f"case_{number:05d}": "labels doubted in public KiTS19 threads" for number in (23, 68, 125, 133)},
)
