"""ISLES24: follow-up diffusion MRI (DWI, ADC) of 149 stroke patients with the final infarct.

Names differ between the publisher's versions: `sub-stroke0001_ses-02_space-ncct_adc.nii.gz`, `sub-strokecase0001`,
`ses-0002`, without `space-ncct`. Within a version image and mask agree, so all that varies is part of the case. An
uncompressed `sub-stroke0142_ses-02_lesion-msk.nii`, left behind in native space, matches no pattern.
"""

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import Origin, ZenodoFile


def _task(number: int, map_name: str, description: str) -> Task:
    return Task(
        number=number,
        image=f"{{case}}_{map_name}.nii.gz",
        mask="{case}_lesion-msk.nii.gz",
        case=r"sub-stroke(?:case)?\d{4}_ses-\d+(?:_space-ncct)?",
        labels={1: "stroke infarct"},
        modality="MRI",
        description=f"{description} of brain magnetic resonance imaging (MRI) scan",
        upstream_name=f"{{case}}_{map_name}.nii.gz",
        upstream_mask_name="{case}_lesion-msk.nii.gz",
        upstream_images=f"Images-{map_name.upper()}",
    )


ISLES24 = Dataset(
    name="ISLES24",
    package="ISLES24",
    patient=r"sub-stroke(?:case)?(\d{4})",
    licence="CC-BY-NC",
    spdx="CC-BY-NC-SA-4.0",  # the publisher's record; upstream's notes are older
    redistribute=False,
    access="open",
    homepage="https://isles-24.grand-challenge.org",
    data_urls=("https://zenodo.org/records/17652035/files/train.7z",),
    papers=("https://arxiv.org/abs/2408.11142", "https://arxiv.org/abs/2403.19425"),
    citation=(
        "E. O. Riedel, E. de la Rosa, T. A. Baran, M. Hernandez Petzsche, et al. ISLES 2024: The first longitudinal "
        "multimodal multi-center real-world dataset in (sub-)acute stroke. arXiv:2408.11142, 2024."
    ),
    origin=Origin(
        access="open",
        sources=(ZenodoFile(record=17652035, name="train.7z", into="train"),),
        bytes_about=99_000_000_000,
        layout=(
            "train/derivatives/sub-stroke0001/ses-02/sub-stroke0001_ses-02_space-ncct_dwi.nii.gz (adc)",
            "train/derivatives/sub-stroke0001/ses-02/sub-stroke0001_ses-02_space-ncct_lesion-msk.nii.gz",
        ),
        missing="check sum and exact size, which the record states",
    ),
    images_published=298,
    masks_published=149,
    bucket_bits=3,
    tasks=(_task(1, "adc", "apparent diffusion coefficient map"), _task(2, "dwi", "diffusion-weighted imaging")),
)
