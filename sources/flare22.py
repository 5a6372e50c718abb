"""FLARE22: thirteen abdominal organs on the 50 labelled CT scans of the training set.

`FLARE22Train/{images,labels}/`, sometimes nested twice. The 2000 unlabelled scans and the tuning set do not match.
"""

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import Origin, ZenodoFile

FLARE22 = Dataset(
    name="FLARE22",
    package="FLARE22",
    patient=r"(FLARE22_Tr_\d{4})",
    licence="none recorded (publisher: non-commercial)",
    spdx="CC-BY-NC-ND-4.0",
    redistribute=False,
    access="open",
    homepage="https://flare22.grand-challenge.org/",
    data_urls=("https://zenodo.org/records/7860267",),
    papers=("https://doi.org/10.1016/S2589-7500(24)00154-7", "https://arxiv.org/abs/2308.05862"),
    citation=(
        "J. Ma, Y. Zhang, S. Gu, C. Ge, et al. Unleashing the strengths of unlabelled data in deep learning-assisted "
        "pan-cancer abdominal organ quantification: the FLARE22 challenge. The Lancet Digital Health 6(11):e815-e826, "
        "2024."
    ),
    origin=Origin(
        access="open",
        sources=(
            ZenodoFile(
                record=7860267,
                name="FLARE22Train.zip",
                into="FLARE22Train",
                sha256="d57e201dc9002bd4a6fc1f5e0d4525285f46bcc5be1a3c8f12543151e6675154",
            ),
        ),
        layout=(
            "FLARE22Train/images/FLARE22_Tr_0001_0000.nii.gz",
            "FLARE22Train/labels/FLARE22_Tr_0001.nii.gz",
        ),
        missing="size",
    ),
    images_published=50,
    masks_published=50,
    bucket_bits=2,
    tasks=(
        Task(
            number=1,
            image="images/{case}_0000.nii.gz",
            mask="labels/{case}.nii.gz",
            case=r"FLARE22_Tr_\d{4}",
            labels={
                1: "liver",
                2: "right kidney",
                3: "spleen",
                4: "pancreas",
                5: "aorta",
                6: "inferior vena cava (ivc)",
                7: "right adrenal gland (rag)",
                8: "left adrenal gland (lag)",
                9: "gallbladder",
                10: "esophagus",
                11: "stomach",
                12: "duodenum",
                13: "left kidney",
            },
            modality="CT",
            description="abdominal computed tomography (CT) scan",
            upstream_name="{case}_0000.nii.gz",
        ),
    ),
    source_pool="AbdomenAtlas1.0Mini, MSD",
)
