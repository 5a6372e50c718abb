"""KiPA22: CT angiography cropped to one kidney of each of 70 patients, with vessels and tumour.

Image and label of a case bear the same name, a number without leading zeros. Test images have no labels here.
"""

from medvision.schemas.dataset import Dataset, LesionTask, Task
from medvision.schemas.origin import HandFile, Origin

KIPA22 = Dataset(
    name="KiPA22",
    package="KiPA22",
    patient=r"(\d+)",
    licence="CC BY NC ND",
    spdx="",  # the challenge's own agreement: research only, no redistribution
    redistribute=False,
    access="gated",
    homepage="https://kipa22.grand-challenge.org",
    data_urls=("https://kipa22.grand-challenge.org/dataset/",),
    papers=(
        "https://doi.org/10.1016/j.media.2021.102055",
        "https://doi.org/10.1016/j.media.2020.101722",
        "https://doi.org/10.1016/j.eururo.2010.11.037",
        "https://doi.org/10.1016/j.eururo.2012.05.056",
    ),
    citation=(
        "Y. He, G. Yang, J. Yang, R. Ge, et al. Meta grayscale adaptive network for 3D integrated renal structures "
        "segmentation. Medical Image Analysis 71:102055, 2021."
    ),
    origin=Origin(
        access="by hand",
        sources=(HandFile(name="train.zip", into="train"),),
        bytes_about=407_000_000,
        steps=(
            "Log in at https://kipa22.grand-challenge.org and join the challenge.",
            "Sign the rule agreement (a PDF on its page), send it as the page says, and wait for the answer.",
            "Download the training set: https://kipa22.grand-challenge.org/dataset/",
        ),
        layout=("train/image/0.nii.gz", "train/label/0.nii.gz"),
        missing="check sum; the name of the challenge's own archive (train.zip is that of a copy)",
    ),
    images_published=70,
    masks_published=70,
    bucket_bits=1,
    tasks=(
        Task(
            number=1,
            image="train/image/{case}.nii.gz",
            mask="train/label/{case}.nii.gz",
            case=r"\d+",
            labels={1: "renal vein", 2: "kidney", 3: "renal artery", 4: "tumor"},
            modality="CT",
            description="kidney computed tomography (CT) scan",
        ),
    ),
    lesion_tasks=(LesionTask(number=1, task=1, target=4),),
)
