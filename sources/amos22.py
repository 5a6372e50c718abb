"""AMOS22: fifteen abdominal organs on 300 CT and 60 MRI scans.

One archive; `imagesTr` and `imagesVa` are labelled and hold both modalities, told apart by the number of the scan.
The 120 test images (`imagesTs`) have no labels and are not used.
"""

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import Origin, ZenodoFile

_CT = r"0(?:[0-4]\d{2}|50[0-6])"
_LABELS = {
    1: "spleen",
    2: "right kidney",
    3: "left kidney",
    4: "gall bladder",
    5: "esophagus",
    6: "liver",
    7: "stomach",
    8: "arota",  # As the publisher spells it.
    9: "postcava",
    10: "pancreas",
    11: "right adrenal gland",
    12: "left adrenal gland",
    13: "duodenum",
    14: "bladder",
    15: "prostate/uterus",
}


def _task(number: int, modality: str, case: str, description: str) -> Task:
    return Task(
        number=number,
        image="images{Tr,Va}/{case}.nii.gz",
        mask="labels{Tr,Va}/{case}.nii.gz",
        case=case,
        labels=_LABELS,
        labels_exact={**_LABELS, 8: "aorta"},
        modality=modality,
        description=description,
        group=modality,
        upstream_images=f"AMOS22-{modality}/Images",
        upstream_masks=f"AMOS22-{modality}/Masks",
    )


AMOS22 = Dataset(
    name="AMOS22",
    package="AMOS22",
    patient=r"(amos_\d{4})",
    licence="CC BY 4.0",
    # The authors' other licence statement is a non-commercial one.
    spdx="CC-BY-NC-4.0",
    redistribute=False,
    access="open",
    homepage="https://amos22.grand-challenge.org/",
    data_urls=("https://zenodo.org/records/7155725", "https://zenodo.org/records/7262581"),
    papers=("https://arxiv.org/abs/2206.08023",),
    citation=(
        "Y. Ji, H. Bai, J. Yang, C. Ge, et al. AMOS: A Large-Scale Abdominal Multi-Organ Benchmark for Versatile "
        "Medical Image Segmentation. Advances in Neural Information Processing Systems 35, Datasets and Benchmarks, "
        "2022."
    ),
    origin=Origin(
        access="open",
        sources=(
            ZenodoFile(
                record=7155725,
                name="amos22.zip",
                into="amos22",
                sha256="d2fbf2c31abba9824d183f05741ce187b17905b8cca64d1078eabf1ba96775c2",
            ),
        ),
        layout=("amos22/imagesTr/amos_0001.nii.gz", "amos22/labelsTr/amos_0001.nii.gz"),
        missing="size",
    ),
    images_published=360,
    masks_published=360,
    bucket_bits=6,
    tasks=(
        _task(1, "CT", rf"amos_{_CT}", "abdominal computed tomography (CT) scan"),
        _task(2, "MRI", rf"amos_(?!{_CT})\d{{4}}", "abdominal magnetic resonance imaging (MRI) scan"),
    ),
    source_pool="AbdomenAtlas1.0Mini",
)
