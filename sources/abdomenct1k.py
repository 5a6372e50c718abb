"""AbdomenCT-1K: liver, kidney (both sides one label), spleen and pancreas on 1000 abdominal CT scans.

Three image archives and one of masks. Case numbers have gaps, and images without a public mask (62 of 1062) are
reported, not used. Tumours count as part of their organ. Which public dataset a scan comes from is withheld.
"""

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import Origin, ZenodoFile

_FAKE_SPACING = (78, *range(273, 279), *range(280, 287), 462, *range(574, 579))

ABDOMENCT1K = Dataset(
    name="AbdomenCT-1K",
    package="AbdomenCT_1K",
    patient=r"(Case_\d{5})",
    licence="CC BY 4.0",
    # The scans of LiTS among them are under the strictest terms of all parts.
    spdx="CC-BY-NC-ND-4.0",
    redistribute=False,
    access="open",
    homepage="https://github.com/JunMa11/AbdomenCT-1K",
    data_urls=tuple(f"https://zenodo.org/records/{record}" for record in (5903099, 5903846, 5903769)),
    papers=("https://doi.org/10.1109/TPAMI.2021.3100536", "https://arxiv.org/abs/2010.14808"),
    citation=(
        "J. Ma, Y. Zhang, S. Gu, C. Zhu, et al. AbdomenCT-1K: Is Abdominal Organ Segmentation a Solved Problem? "
        "IEEE Transactions on Pattern Analysis and Machine Intelligence 44(10):6695-6714, 2022."
    ),
    origin=Origin(
        access="open",
        sources=(
            ZenodoFile(
                record=5903099,
                name="AbdomenCT-1K-ImagePart1.zip",
                into="AbdomenCT-1K-ImagePart1",
                sha256="3d0d8edd2a8777f8807c6715f633e2fea104f16a8514572664021ed88f97cd03",
            ),
            ZenodoFile(
                record=5903846,
                name="AbdomenCT-1K-ImagePart2.zip",
                into="AbdomenCT-1K-ImagePart2",
                sha256="3178bd3021dfed0440c4dc269b7f3125b27b60aec96e81b210d7c4c55d0fe894",
            ),
            ZenodoFile(
                record=5903769,
                name="AbdomenCT-1K-ImagePart3.zip",
                into="AbdomenCT-1K-ImagePart3",
                sha256="76bf789589a13ca1aef9b9c8b771f05c165e6d2013284bbfdb4c4656d4931c30",
            ),
            ZenodoFile(
                record=5903769,
                name="Mask.7z",
                into="Mask",
                sha256="cefa7cab51fb0781876550b032278ca6a1ed2a8c776c8567410ea2b2a6984e50",
            ),
        ),
        layout=("AbdomenCT-1K-ImagePart1/Case_00001_0000.nii.gz", "Mask/Case_00001.nii.gz"),
        missing="sizes",
    ),
    images_published=1000,
    masks_published=1000,
    bucket_bits=8,
    tasks=(
        Task(
            number=1,
            image="{case}_0000.nii.gz",
            mask="{case}.nii.gz",
            case=r"Case_\d{5}",
            labels={1: "liver", 2: "kidney", 3: "spleen", 4: "pancreas"},
            modality="CT",
            description="abdominal computed tomography (CT) scan",
            upstream_name="{case}_0000.nii.gz",
        ),
    ),
    source_pool="AbdomenAtlas1.0Mini, KiTS, LiTS, MSD, NIH Pancreas-CT",
    no_mm={f"Case_{number:05d}": "voxel size (1, 1, 1) in place of the true one" for number in _FAKE_SPACING},
)
