"""AbdomenAtlas1.0Mini: nine abdominal organs on 5195 CT volumes gathered from many public datasets.

One folder a volume. `combined_labels.nii.gz` is the merged map of the binary files below `segmentations/`, whose
order on overlaps is not stated, so only the merged map is used. Its affine may differ from that of the CT it was
drawn on; the CT's holds. Several volumes may be of one patient, which the release does not tell.
"""

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import HubFiles, Origin

ABDOMENATLAS = Dataset(
    name="AbdomenAtlas1.0Mini",
    package="AbdomenAtlas__1_0__Mini",
    patient=r"(BDMAP_\d{8})",
    licence="CC BY-NC-SA 4.0",
    spdx="CC-BY-NC-SA-4.0",
    redistribute=False,
    access="gated",
    homepage="https://github.com/MrGiovanni/AbdomenAtlas",
    data_urls=("https://huggingface.co/datasets/AbdomenAtlas/AbdomenAtlas1.0Mini",),
    papers=("https://doi.org/10.1016/j.media.2024.103285", "https://arxiv.org/abs/2305.09666"),
    citation=(
        "W. Li, C. Qu, X. Chen, P. R. A. S. Bassi, et al. AbdomenAtlas: A large-scale, detailed-annotated, & "
        "multi-center dataset for efficient transfer learning and open algorithmic benchmarking. Medical Image "
        "Analysis 97:103285, 2024."
    ),
    origin=Origin(
        access="token",
        sources=(
            HubFiles(
                repo="AbdomenAtlas/AbdomenAtlas1.0Mini",
                revision="4dff62f03f7e4f17cd8c62617bc75fde9893a1e9",
                files=r"BDMAP_\d{8}/(?:ct|combined_labels)\.nii\.gz",
                gated=True,
            ),
        ),
        bytes_about=300_000_000_000,
        steps=(
            "Log in at https://huggingface.co and accept the terms on "
            "https://huggingface.co/datasets/AbdomenAtlas/AbdomenAtlas1.0Mini.",
        ),
        layout=("BDMAP_00000001/ct.nii.gz", "BDMAP_00000001/combined_labels.nii.gz"),
    ),
    images_published=5195,
    masks_published=5195,
    bucket_bits=10,
    tasks=(
        Task(
            number=1,
            image="{case}/ct.nii.gz",
            mask="{case}/combined_labels.nii.gz",
            case=r"BDMAP_\d{8}",
            labels={
                1: "aorta",
                2: "gallbladder",
                3: "left kidney",
                4: "right kidney",
                5: "liver",
                6: "pancreas",
                7: "postcava (inferior vena cava)",
                8: "spleen",
                9: "stomach",
            },
            modality="CT",
            description="abdominal CT scan",
            mask_affine_from_image=True,
        ),
    ),
    source_pool="AbdomenCT-1K, AMOS22, BCV15, CHAOS, FLARE23, KiTS, LiTS, MSD, TotalSegmentator, WORD",
)
