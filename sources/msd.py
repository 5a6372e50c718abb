"""MSD: the ten tasks of the Medical Segmentation Decathlon, one tar archive each.

Test images (`imagesTs`) have no labels and are not used. The 4D images of BrainTumour and Prostate give one
task a channel; all channels of a case share its 3D mask. Upstream numbers the tasks by organ name, not by
Decathlon task.
"""

from medvision.schemas.dataset import Dataset, LesionTask, Task
from medvision.schemas.origin import Origin, WebFile

_ARCHIVE_MD5 = {
    "Task01_BrainTumour": "240a19d752f0d9e9101544901065d872",
    "Task02_Heart": "06ee59366e1e5124267b774dbd654057",
    "Task03_Liver": "a90ec6c4aa7f6a3d087205e23d4e6397",
    "Task04_Hippocampus": "9d24dba78a72977dbd1d2e110310f31b",
    "Task05_Prostate": "35138f08b1efaef89d7424d2bcc928db",
    "Task06_Lung": "8afd997733c7fc0432f71255ba4e52dc",
    "Task07_Pancreas": "4f7080cfca169fa8066d17ce6eb061e4",
    "Task08_HepaticVessel": "641d79e80ec66453921d997fbf12a29c",
    "Task09_Spleen": "410d4a301da4e5b2f6f86ec3ddba524e",
    "Task10_Colon": "bad7a188931dc2f6acf72b08eb6202d0",
}


def _archive(folder: str) -> str:
    """Address of a task's archive in a public bucket."""
    return f"https://msd-for-monai.s3-us-west-2.amazonaws.com/{folder}.tar"


_ABDOMEN_CT = "abdominal computed tomography (CT) scan"
_BRAIN_TUMOUR = {1: "edema of brain", 2: "non-enhancing brain tumor", 3: "enhancing brain tumor"}
_PROSTATE = {1: "peripheral zone of prostate", 2: "transition zone of prostate"}


def _task(
    number: int,
    folder: str,
    case: str,
    labels: dict[int, str],
    modality: str,
    description: str,
    sequence: str = "",
    channel: int | None = None,
) -> Task:
    """One image kind of the Decathlon folder `folder`; `sequence` names the channel of a 4D image."""
    group = folder.partition("_")[2]
    return Task(
        number=number,
        image=f"{folder}/imagesTr/{{case}}.nii.gz",
        mask=f"{folder}/labelsTr/{{case}}.nii.gz",
        case=case,
        labels=labels,
        modality=modality,
        description=description,
        group=group,
        channel=channel,
        upstream_images=f"MSD-{group}/Images-{sequence}" if sequence else f"MSD-{group}/Images",
        upstream_masks=f"MSD-{group}/Masks",
    )


def _brain(number: int, channel: int, sequence: str, description: str) -> Task:
    return _task(number, "Task01_BrainTumour", r"BRATS_\d{3}", _BRAIN_TUMOUR, "MRI", description, sequence, channel)


def _prostate(number: int, channel: int, sequence: str, description: str) -> Task:
    return _task(number, "Task05_Prostate", r"prostate_\d{2}", _PROSTATE, "MRI", description, sequence, channel)


MSD = Dataset(
    name="MSD",
    package="MSD",
    patient=r"(.+)",
    licence="CC BY-SA 4.0",
    spdx="CC-BY-SA-4.0",
    redistribute=True,
    access="open",
    homepage="http://medicaldecathlon.com/",
    data_urls=tuple(map(_archive, _ARCHIVE_MD5)),
    papers=("https://doi.org/10.1038/s41467-022-30695-9", "https://arxiv.org/abs/1902.09063"),
    citation=(
        "M. Antonelli, A. Reinke, S. Bakas, K. Farahani, et al. The Medical Segmentation Decathlon. Nature "
        "Communications 13:4128, 2022."
    ),
    origin=Origin(
        access="open",
        sources=tuple(
            WebFile(url=_archive(folder), into=folder, part=folder, md5=md5) for folder, md5 in _ARCHIVE_MD5.items()
        ),
        layout=(
            "Task04_Hippocampus/imagesTr/hippocampus_001.nii.gz",
            "Task04_Hippocampus/labelsTr/hippocampus_001.nii.gz",
        ),
        missing="sizes (Task04_Hippocampus: 27 MB)",
    ),
    images_published=3225,
    masks_published=1741,
    bucket_bits=8,
    source_pool="AbdomenAtlas1.0Mini, AbdomenCT-1K, FLARE22, LiTS, BraTS 2016, BraTS 2017",
    tasks=(
        _brain(
            1,
            0,
            "FLAIR",
            "fluid-attenuated inversion recovery (FLAIR) brain magnetic resonance imaging (MRI) scan",
        ),
        _brain(2, 1, "T1w", "T1 weighted brain magnetic resonance imaging (MRI) scan"),
        _brain(3, 2, "T1gd", "gadolinium-enhanced T1-weighted brain magnetic resonance imaging (MRI) scan"),
        _brain(4, 3, "T2w", "T2 weighted brain magnetic resonance imaging (MRI) scan"),
        _task(5, "Task10_Colon", r"colon_\d{3}", {1: "colon cancer primaries"}, "CT", _ABDOMEN_CT),
        _task(
            6,
            "Task02_Heart",
            r"la_\d{3}",
            {1: "left atrium of heart"},
            "MRI",
            "cardiac magnetic resonance imaging (MRI) scan",
        ),
        _task(
            7,
            "Task08_HepaticVessel",
            r"hepaticvessel_\d{3}",
            {1: "liver vessel", 2: "liver tumor"},
            "CT",
            _ABDOMEN_CT,
        ),
        _task(
            8,
            "Task04_Hippocampus",
            r"hippocampus_\d{3}",
            {1: "anterior hippocampus", 2: "posterior hippocampus"},
            "MRI",
            "hippocampus magnetic resonance imaging (MRI) scan",
        ),
        _task(9, "Task03_Liver", r"liver_\d+", {1: "liver", 2: "liver cancer"}, "CT", _ABDOMEN_CT),
        _task(10, "Task06_Lung", r"lung_\d{3}", {1: "lung cancer"}, "CT", "chest computed tomography (CT) scan"),
        _task(11, "Task07_Pancreas", r"pancreas_\d{3}", {1: "pancreas", 2: "pancreas cancer"}, "CT", _ABDOMEN_CT),
        _prostate(12, 0, "T2w", "T2-weighted prostate magnetic resonance imaging (MRI) scan"),
        _prostate(
            13,
            1,
            "ADC",
            # Upstream's wording ("appearance", not "apparent"): prompts quote it.
            "appearance diffusion coefficient (ADC) map of prostate magnetic resonance imaging (MRI) scan",
        ),
        _task(14, "Task09_Spleen", r"spleen_\d+", {1: "spleen"}, "CT", _ABDOMEN_CT),
    ),
    lesion_tasks=(
        LesionTask(number=1, task=3, target=1),
        LesionTask(number=2, task=3, target=2),
        LesionTask(number=3, task=3, target=3),
        LesionTask(number=4, task=5, target=1),
        LesionTask(number=5, task=7, target=2),
        LesionTask(number=6, task=9, target=2),
        LesionTask(number=7, task=10, target=1),
        LesionTask(number=8, task=11, target=2),
    ),
)
