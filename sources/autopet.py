"""autoPET-III: tumour lesions on whole-body PET/CT with two tracers (FDG, PSMA), 1611 studies.

CT (`_0000`, resampled to the PET grid) and PET (`_0001`, SUV) of a study share a mask. A patient may have several
studies. Studies without lesions have empty masks; upstream has dropped them, which leaves 1038.
"""

from medvision.schemas.dataset import Dataset, LesionTask, Task
from medvision.schemas.origin import Origin, WebFile


def _task(number: int, modality: str, channel: str, description: str) -> Task:
    return Task(
        number=number,
        image=f"imagesTr/{{case}}_{channel}.nii.gz",
        mask="labelsTr/{case}.nii.gz",
        case=r"(?:fdg|psma)_[^_/]+_[^/]+",
        labels={1: "tumor"},
        modality=modality,
        description=description,
        upstream_name=f"{{case}}_{channel}.nii.gz",
        upstream_images=f"Images-{modality}",
    )


AUTOPET_III = Dataset(
    name="autoPET-III",
    package="autoPET_III",
    patient=r"^((?:fdg|psma)_[^_]+)_",
    licence="CC-BY-NC 4.0",
    spdx="CC-BY-NC-4.0",
    redistribute=False,
    access="open",
    homepage="https://autopet-iii.grand-challenge.org/",
    data_urls=("https://fdat.uni-tuebingen.de/records/6gjsg-zcg93",),
    papers=("https://doi.org/10.1038/s41597-022-01718-3", "https://doi.org/10.7937/r7ep-3x37"),
    citation=(
        "S. Gatidis, T. Hepp, M. Früh, C. La Fougère, et al. A whole-body FDG-PET/CT Dataset with manually annotated "
        "Tumor Lesions. Scientific Data 9:601, 2022. K. Jeblick, B. Schachtner, J. Dexl, A. Mittermeier, et al. A "
        "large annotated whole-body PET-CT dataset of PSMA-avid tumor lesions (PSMA-PET-CT-Lesions). The Cancer "
        "Imaging Archive, 2024."
    ),
    origin=Origin(
        access="open",
        sources=(
            WebFile(
                url="https://fdat.uni-tuebingen.de/records/6gjsg-zcg93/files/psma-fdg-pet-ct-lesions.zip?download=1",
                into="psma-fdg-pet-ct-lesions",
            ),
        ),
        bytes_about=120_000_000_000,
        layout=(
            "imagesTr/fdg_<patient>_<study>_0000.nii.gz",
            "imagesTr/fdg_<patient>_<study>_0001.nii.gz",
            "labelsTr/fdg_<patient>_<study>.nii.gz",
        ),
        missing="check sum, exact size",
    ),
    images_published=2076,
    masks_published=1038,
    bucket_bits=7,
    tasks=(
        _task(1, "CT", "0000", "whole-body computed tomography (CT) scan"),
        _task(2, "PET", "0001", "whole-body positron emission tomography (PET) scan"),
    ),
    lesion_tasks=(LesionTask(number=1, task=1, target=1),),
    drop_empty_masks=True,
    source_pool="FDG-PET-CT-Lesions, PSMA-PET-CT-Lesions",
)
