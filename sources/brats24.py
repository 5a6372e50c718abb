"""BraTS 2024: brain tumours on MRI in four parts with label maps of their own: post-treatment glioma (GLI),
meningioma before radiotherapy (MEN-RT), metastases (MET) and paediatric tumours (PED).

One folder a case, at any depth below the part's archives. MEN-RT has one sequence and underscores in its names;
the others have four sequences a mask. The last digits of a case count time points (GLI, MET) of one patient. A
case that the publisher has corrected in a later archive must lie there once: the corrected copy in place of the old.
"""

from medvision.schemas.dataset import Dataset, LesionTask, Task
from medvision.schemas.origin import Origin, SynapseFile

_CORE, _EDEMA = "non-enhancing brain tumor core", "surrounding non-enhancing flair hyperintensity of brain"
_MET = {1: _CORE, 2: _EDEMA, 3: "enhancing brain tumor tissue"}
_GLI = {**_MET, 4: "resection cavity of brain"}
_PED = {
    1: "enhancing brain tumor",
    2: "non-enhancing brain tumor",
    3: "cystic component of brain",
    4: "peritumoral edema of brain",
}
_SEQUENCES = {
    "t1c": "contrast enhanced T1-weighted",
    "t1n": "non-contrast T1-weighted",
    "t2f": "T2 Fluid Attenuated Inversion Recovery (FLAIR)",
    "t2w": "T2-weighted",
}


def _task(number: int, part: str, name: str, mask: str, case: str, labels: dict[int, str], wording: str) -> Task:
    return Task(
        number=number,
        image=f"{{case}}{name}.nii.gz",
        mask=f"{{case}}{mask}.nii.gz",
        case=case,
        labels=labels,
        modality="MRI",
        description=f"{wording} brain magnetic resonance imaging (MRI) scan",
        group=part,
        upstream_name=f"{{case}}{name}.nii.gz",
        upstream_mask_name=f"{{case}}{mask}.nii.gz",
        upstream_images=f"BraTS24-{part}/Images-{name[1:]}",
        upstream_masks=f"BraTS24-{part}/Masks",
    )


def _part(first: int, part: str, labels: dict[int, str], **wordings: str) -> tuple[Task, ...]:
    """The four sequences of a part; `wordings` replaces those of `_SEQUENCES`."""
    case = rf"BraTS-{part}-\d{{5}}-\d{{3}}"
    return tuple(
        _task(number, part, f"-{sequence}", "-seg", case, labels, wording)
        for number, (sequence, wording) in enumerate({**_SEQUENCES, **wordings}.items(), first)
    )


_MEN_RT = r"BraTS-MEN-RT-\d{4}-\d"
_LESIONS = (*((3, target) for target in _GLI), (5, 1), *((6, target) for target in _MET), *((10, t) for t in _PED))

BRATS24 = Dataset(
    name="BraTS24",
    package="BraTS24",
    patient=r"(BraTS-(?:GLI|MEN-RT|MET|PED)-\d+)",
    licence="none recorded (publisher: CC BY-NC 4.0 and a data use agreement)",
    spdx="CC-BY-NC-4.0",
    redistribute=False,
    access="registration",
    homepage="https://www.synapse.org/Synapse:syn53708249",
    data_urls=tuple(
        f"https://www.synapse.org/Synapse:syn{number}"
        for number in (64314352, 60086071, 60085033, 59407686, 59860022, 61596964, 61929632, 58894928, 60140557)
    ),
    papers=tuple(
        f"https://arxiv.org/abs/{paper}" for paper in ("2405.18368", "2405.18383", "2306.00838", "2404.15009")
    ),
    citation=(
        "M. Correia de Verdier, R. Saluja, L. Gagnon, D. LaBella, et al. The 2024 Brain Tumor Segmentation (BraTS) "
        "Challenge: Glioma Segmentation on Post-treatment MRI. arXiv:2405.18368, 2024. "
        "D. LaBella, K. Schumacher, M. Mix, K. Leu, et al. Brain Tumor Segmentation (BraTS) Challenge 2024: Meningioma "
        "Radiotherapy Planning Automated Segmentation. arXiv:2405.18383, 2024. "
        "A. W. Moawad, A. Janas, U. Baid, D. Ramakrishnan, et al. The Brain Tumor Segmentation (BraTS-METS) Challenge "
        "2023: Brain Metastasis Segmentation on Pre-treatment MRI. arXiv:2306.00838, 2023. "
        "A. F. Kazerooni, N. Khalili, X. Liu, D. Gandhi, et al. The Brain Tumor Segmentation in Pediatrics "
        "(BraTS-PEDs) Challenge: Focus on Pediatrics. arXiv:2404.15009, 2024."
    ),
    origin=Origin(
        access="token",
        sources=(
            SynapseFile(entity="syn64314352", into="BraTS24-GLI/syn64314352", part="GLI"),
            SynapseFile(entity="syn60086071", into="BraTS24-GLI/syn60086071", part="GLI"),
            SynapseFile(entity="syn60085033", into="BraTS24-MEN-RT/syn60085033", part="MEN-RT"),
            SynapseFile(entity="syn59407686", into="BraTS24-MET/syn59407686", part="MET"),
            SynapseFile(entity="syn59860022", into="BraTS24-MET/syn59860022", part="MET"),
            SynapseFile(entity="syn61596964", into="BraTS24-MET/syn61596964", part="MET"),
            SynapseFile(entity="syn61929632", into="BraTS24-MET/syn61929632.rar", part="MET", unpack=False),
            SynapseFile(entity="syn58894928", into="BraTS24-PED/syn58894928", part="PED"),
            SynapseFile(entity="syn60140557", into="BraTS24-PED/syn60140557", part="PED"),
        ),
        steps=(
            "Register at https://www.synapse.org and validate the account.",
            "On https://www.synapse.org/Synapse:syn53708249 join the challenge and accept its data use agreement.",
        ),
        after=(
            "RAR is not unpacked here: unpack BraTS24-MET/syn61929632.rar beside it (unrar x, or bsdtar -xf).",
            "syn61596964 (MET) and syn60140557 (PED, BraTS-PED-00255-000) hold corrected cases: remove the same case "
            "folders from the older archives. `medvision check` names those that are left as duplicate_case.",
        ),
        layout=(
            "BraTS-GLI-00005-100/BraTS-GLI-00005-100-t1n.nii.gz (t1c, t2w, t2f)",
            "BraTS-GLI-00005-100/BraTS-GLI-00005-100-seg.nii.gz (MET and PED alike)",
            "BraTS-MEN-RT-0002-1/BraTS-MEN-RT-0002-1_t1c.nii.gz",
            "BraTS-MEN-RT-0002-1/BraTS-MEN-RT-0002-1_gtv.nii.gz",
        ),
        missing="sizes; Synapse states them",
    ),
    images_published=10632,
    masks_published=3033,
    bucket_bits=7,
    tasks=(
        *_part(1, "GLI", _GLI, t1c="gadolinium-enhanced T1-weighted"),
        _task(5, "MEN-RT", "_t1c", "_gtv", _MEN_RT, {1: "gross tumor volume of brain"}, _SEQUENCES["t1c"]),
        *_part(6, "MET", _MET),
        *_part(10, "PED", _PED),
    ),
    lesion_tasks=tuple(LesionTask(number, task, target) for number, (task, target) in enumerate(_LESIONS, 1)),
    late_cases={"MET/BraTS-MET-00232-000": "in no plan before 1.4.0, and there among lesions alone"},
    suspect={
        "MEN-RT/BraTS-MEN-RT-0402-1": "wrong in the first release, corrected later",
        **{
            f"MEN-RT/BraTS-MEN-RT-{number}-1": "image and mask reported with different shapes"
            for number in ("0154", "0369", "0455")
        },
        "PED/BraTS-PED-00255-000": "replaced in a later archive",
    },
    upstream_title="",  # upstream's plans leave it blank
)
