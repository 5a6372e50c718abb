"""ToothFairy2: cone beam CT of 480 dentitions; labels 11 to 48 number the teeth as dentists do (FDI).

The ids 19, 20, 29, 30, 39 and 40 between the quadrants are unused; the publisher's `dataset.json` calls each "NA".
Upstream keeps the last of them as a label, so it stands in `labels` and is background under rules `exact`.
"""

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import HandFile, Origin

_TEETH = (
    "central incisor",
    "lateral incisor",
    "canine",
    "first premolar",
    "second premolar",
    "first molar",
    "second molar",
    "third molar (wisdom tooth)",
)
_QUADRANTS = {10: "upper right", 20: "upper left", 30: "lower left", 40: "lower right"}
_UNUSED = (19, 20, 29, 30, 39, 40)
_LABELS = {
    1: "lower jawbone",
    2: "upper jawbone",
    3: "left inferior alveolar canal",
    4: "right inferior alveolar canal",
    5: "left maxillary sinus",
    6: "right maxillary sinus",
    7: "pharynx",
    8: "bridge",
    9: "crown",
    10: "implant",
    40: "na",
    **{tens + n: f"{side} {tooth}" for tens, side in _QUADRANTS.items() for n, tooth in enumerate(_TEETH, 1)},
}

TOOTHFAIRY2 = Dataset(
    name="ToothFairy2",
    package="ToothFairy2",
    patient=r"(ToothFairy2[FP]_\d{3})",
    licence="CC BY-SA",
    spdx="CC-BY-SA-4.0",
    redistribute=False,  # handed out after sign-up only
    access="registration",
    homepage="https://toothfairy2.grand-challenge.org",
    data_urls=("https://ditto.ing.unimore.it/toothfairy2/",),
    papers=(
        "https://doi.org/10.1109/TMI.2024.3523096",
        "https://doi.org/10.1109/ACCESS.2024.3408629",
        "https://doi.org/10.1109/CVPR52688.2022.02046",
    ),
    citation=(
        "F. Bolelli, L. Lumetti, S. Vinayahalingam, M. Di Bartolomeo, et al. Segmenting the Inferior Alveolar Canal "
        "in CBCTs Volumes: the ToothFairy Challenge. IEEE Transactions on Medical Imaging 44(4):1890-1906, 2025."
    ),
    origin=Origin(
        access="by hand",
        sources=(HandFile(name="ToothFairy2_Dataset.zip", into="Dataset112_ToothFairy2"),),
        steps=(
            "Sign up at https://ditto.ing.unimore.it/toothfairy2/ and accept the terms.",
            "Download ToothFairy2_Dataset.zip there.",
        ),
        layout=("imagesTr/ToothFairy2F_001_0000.mha", "labelsTr/ToothFairy2F_001.mha"),
        missing="size and check sum",
    ),
    images_published=480,
    masks_published=480,
    bucket_bits=7,
    tasks=(
        Task(
            number=1,
            image="imagesTr/{case}_0000.mha",
            mask="labelsTr/{case}.mha",
            case=r"ToothFairy2[FP]_\d{3}",
            labels=dict(sorted(_LABELS.items())),
            ignored_labels=_UNUSED,
            modality="CT",
            description="cone beam computed tomography (CT) scan",
            upstream_name="{case}_0000.nii.gz",
        ),
    ),
)
