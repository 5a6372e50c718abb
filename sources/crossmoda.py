"""CrossMoDA, 2021 edition: vestibular schwannoma and cochlea on contrast-enhanced T1 MRI of 105 patients.

Only the source domain (`source_training.zip`) is labelled; the T2 images of the target domain are other patients
without labels. Later editions give the label numbers other meanings, so their names do not match.
"""

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import Origin, ZenodoFile

CROSSMODA = Dataset(
    name="CrossMoDA",
    package="CrossMoDA",
    patient=r"(crossmoda2021_ldn_\d+)",
    licence="CC BY 4.0",
    spdx="CC-BY-NC-SA-4.0",
    redistribute=False,
    access="open",
    homepage="https://crossmoda.grand-challenge.org/",
    data_urls=("https://zenodo.org/records/4662239",),
    papers=("https://doi.org/10.1016/j.media.2022.102628", "https://arxiv.org/abs/2201.02831"),
    citation=(
        "R. Dorent, A. Kujawa, M. Ivory, S. Bakas, et al. CrossMoDA 2021 challenge: Benchmark of cross-modality domain "
        "adaptation techniques for vestibular schwannoma and cochlea segmentation. Medical Image Analysis 83:102628, "
        "2023."
    ),
    origin=Origin(
        access="open",
        sources=(
            ZenodoFile(record=4662239, name=("source_training.zip", "crossmoda_training.zip"), into="source_training"),
        ),
        layout=(
            "source_training/crossmoda2021_ldn_1_ceT1.nii.gz",
            "source_training/crossmoda2021_ldn_1_Label.nii.gz",
        ),
        missing="size and check sum, which the record states; which of two names the archive has",
    ),
    images_published=105,
    masks_published=105,
    bucket_bits=1,
    tasks=(
        Task(
            number=1,
            image="{case}_ceT1.nii.gz",
            mask="{case}_Label.nii.gz",
            case=r"crossmoda2021_ldn_\d+",
            labels={1: "vestibular schwannoma (acoustic neuroma)", 2: "cochlea"},
            modality="MRI",
            description="contrast-enhanced T1-weighted brain magnetic resonance imaging (MRI) scan",
            upstream_name="{case}_ceT1.nii.gz",
            upstream_mask_name="{case}_Label.nii.gz",
        ),
    ),
    source_pool="Vestibular-Schwannoma-SEG",
)
