"""BCV15 (BTCV): multi-organ CT of the abdomen (30 labelled scans) and of the cervix (30).

`RawData.zip` and `CervixRawData.zip`, each with `RawData/Training/{img,label}/`. The label numbers of the two parts
mean different organs. Test images have no labels, and the archives of registered pairs (`Reg-*`) are not used.
"""

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import Origin, SynapseFile


def _task(number: int, group: str, case: str, image: str, mask: str, labels: dict[int, str]) -> Task:
    return Task(
        number=number,
        image=f"Training/img/{image}",
        mask=f"Training/label/{mask}",
        case=case,
        labels=labels,
        modality="CT",
        description="abdominal computed tomography (CT) scan",
        group=group,
        upstream_name=image,
        upstream_mask_name=mask,
        upstream_images=f"BCV15-{group}/Images",
        upstream_masks=f"BCV15-{group}/Masks",
    )


_ABDOMEN = {
    1: "spleen",
    2: "right kidney",
    3: "left kidney",
    4: "gallbladder",
    5: "esophagus",
    6: "liver",
    7: "stomach",
    8: "aorta",
    9: "inferior vena cava",
    10: "portal vein and splenic vein",
    11: "pancreas",
    12: "right adrenal gland",
    13: "left adrenal gland",
}
_CERVIX = {1: "bladder", 2: "uterus", 3: "rectum", 4: "small bowel"}

BCV15 = Dataset(
    name="BCV15",
    package="BCV15",
    patient=r"((?:Abdomen|Cervix)/\d+)",
    licence="none recorded (Synapse terms of use)",
    spdx="",
    redistribute=False,
    access="registration",
    homepage="https://www.synapse.org/Synapse:syn3193805",
    data_urls=("https://www.synapse.org/Synapse:syn3379050", "https://www.synapse.org/Synapse:syn3546986"),
    papers=("https://doi.org/10.7303/syn3193805",),
    citation=(
        "B. Landman, Z. Xu, J. E. Iglesias, M. Styner, et al. MICCAI Multi-Atlas Labeling Beyond the Cranial Vault - "
        "Workshop and Challenge. Synapse syn3193805, 2015."
    ),
    origin=Origin(
        access="token",
        sources=(
            SynapseFile(entity="syn3379050", into="Abdomen", part="Abdomen"),
            SynapseFile(entity="syn3546986", into="Cervix", part="Cervix"),
        ),
        steps=(
            "Register at https://www.synapse.org and validate the account.",
            "On https://www.synapse.org/Synapse:syn3193805 join the challenge and accept its terms of use.",
        ),
        layout=(
            "Abdomen/RawData/Training/img/img0001.nii.gz",
            "Abdomen/RawData/Training/label/label0001.nii.gz",
            "Cervix/RawData/Training/img/0507688-Image.nii.gz",
            "Cervix/RawData/Training/label/0507688-Mask.nii.gz",
        ),
        missing="sizes; Synapse states them",
    ),
    images_published=60,
    masks_published=60,
    bucket_bits=3,
    tasks=(
        _task(1, "Abdomen", r"\d{4}", "img{case}.nii.gz", "label{case}.nii.gz", _ABDOMEN),
        _task(2, "Cervix", r"\d+", "{case}-Image.nii.gz", "{case}-Mask.nii.gz", _CERVIX),
    ),
    source_pool="AbdomenAtlas1.0Mini",
)
