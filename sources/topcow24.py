"""TopCoW24: MR and CT angiography of the circle of Willis of 125 patients, both of each patient.

The number in a file name is the patient's, in MR and CT alike. Label ids 13 and 14 are unused.
"""

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import Origin, ZenodoFile

_LABELS = {
    1: "basilar artery",
    2: "right posterior cerebral artery",
    3: "left posterior cerebral artery",
    4: "right internal carotid artery",
    5: "right middle cerebral artery",
    6: "left internal carotid artery",
    7: "left middle cerebral artery",
    8: "right posterior communicating artery",
    9: "left posterior communicating artery",
    10: "anterior communicating artery",
    11: "right anterior cerebral artery",
    12: "left anterior cerebral artery",
    15: "third a2 segment",
}


def _task(number: int, group: str, modality: str, description: str) -> Task:
    return Task(
        number=number,
        group=group,
        image="imagesTr/{case}_0000.nii.gz",
        mask="cow_seg_labelsTr/{case}.nii.gz",
        case=rf"topcow_{group.lower()}_\d{{3}}",
        labels=_LABELS,
        modality=modality,
        description=description,
        upstream_name="{case}_0000.nii.gz",
        upstream_images=f"TopCoW24-{group}/Images",
        upstream_masks=f"TopCoW24-{group}/Masks",
    )


TOPCOW24 = Dataset(
    name="TopCoW24",
    package="TopCoW24",
    patient=r"topcow_(?:ct|mr)_(\d{3})",
    licence="",
    spdx="",  # the publisher's own: open use with attribution, commercial use by permission
    redistribute=False,
    access="open",
    homepage="https://topcow24.grand-challenge.org",
    data_urls=("https://zenodo.org/records/15692630/files/TopCoW2024_Data_Release.zip",),
    papers=("https://arxiv.org/abs/2312.17670",),
    citation=(
        "K. Yang, F. Musio, Y. Ma, N. Juchler, et al. Benchmarking the CoW with the TopCoW Challenge: Topology-Aware "
        "Anatomical Segmentation of the Circle of Willis for CTA and MRA. arXiv:2312.17670, 2023."
    ),
    origin=Origin(
        access="open",
        sources=(
            ZenodoFile(
                record=15692630,
                name="TopCoW2024_Data_Release.zip",
                into="TopCoW2024_Data_Release",
                bytes=10_512_833_650,
                sha256="a23d9d0f05ec439472736f65c47fc7408263eb2f2b01a1d1afc934f2e8f2889b",
            ),
        ),
        layout=("imagesTr/topcow_ct_001_0000.nii.gz", "cow_seg_labelsTr/topcow_ct_001.nii.gz"),
    ),
    images_published=250,
    masks_published=250,
    bucket_bits=5,
    tasks=(
        _task(1, "MR", "MRI", "Time of Flight Magnetic Resonance Angiography (TOF-MRA) scan"),
        _task(2, "CT", "CT", "Computed Tomography Angiography (CTA) scan"),
    ),
)
