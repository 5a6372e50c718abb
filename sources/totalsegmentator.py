"""TotalSegmentator: CT (v2.0.1, 1228 cases) and MR (v2.0.0, 616 cases), one binary mask file a class.

Each zip is unpacked into a folder of its own below the dataset's folder, for example
`Totalsegmentator_dataset_v201/s0000/ct.nii.gz`: subject ids of CT and MR overlap, so the group is part of the
patient key. Labels number the classes in the order of the publisher's class maps `total` and `total_mr`;
where two class files overlap, the first label keeps the voxel.
"""

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import Origin, ZenodoFile

_ORDINALS = ("1st", "2nd", "3rd", *(f"{rib}th" for rib in range(4, 13)))
_SPINE = (
    "S1",
    *(f"L{level}" for level in range(5, 0, -1)),
    *(f"T{level}" for level in range(12, 0, -1)),
    *(f"C{level}" for level in range(7, 0, -1)),
)


def _pair(stem: str, name: str, sides: tuple[str, str] = ("left", "right")) -> dict[str, str]:
    """File stem to label name of both sides, in label order."""
    return {f"{stem}_{side}": f"{side} {name}" for side in sides}


_UPPER_ABDOMEN = {
    "spleen": "spleen",
    **_pair("kidney", "kidney", sides=("right", "left")),
    "gallbladder": "gallbladder",
    "liver": "liver",
    "stomach": "stomach",
    "pancreas": "pancreas",
    **_pair("adrenal_gland", "adrenal gland", sides=("right", "left")),
}
_PELVIC_VESSELS = {**_pair("iliac_artery", "iliac artery"), **_pair("iliac_vena", "iliac vein")}
_GIRDLES = {
    **_pair("humerus", "humerus"),
    **_pair("scapula", "scapula"),
    **_pair("clavicula", "clavicle"),
    **_pair("femur", "femur"),
    **_pair("hip", "hip"),
}
_MUSCLES = {
    **_pair("gluteus_maximus", "gluteus maximus"),
    **_pair("gluteus_medius", "gluteus medius"),
    **_pair("gluteus_minimus", "gluteus minimus"),
    **_pair("autochthon", "autochthon"),
    **_pair("iliopsoas", "iliopsoas"),
}

CT_CLASSES = {
    **_UPPER_ABDOMEN,
    "lung_upper_lobe_left": "left lung upper lobe",
    "lung_lower_lobe_left": "left lung lower lobe",
    "lung_upper_lobe_right": "right lung upper lobe",
    "lung_middle_lobe_right": "right lung middle lobe",
    "lung_lower_lobe_right": "right lung lower lobe",
    "esophagus": "esophagus",
    "trachea": "trachea",
    "thyroid_gland": "thyroid gland",
    "small_bowel": "small bowel",
    "duodenum": "duodenum",
    "colon": "colon",
    "urinary_bladder": "urinary bladder",
    "prostate": "prostate",
    **_pair("kidney_cyst", "kidney cyst"),
    "sacrum": "sacrum",
    **{f"vertebrae_{level}": f"vertebra {level}" for level in _SPINE},
    "heart": "heart",
    "aorta": "aorta",
    "pulmonary_vein": "pulmonary vein",
    "brachiocephalic_trunk": "brachiocephalic trunk",
    **_pair("subclavian_artery", "subclavian artery", sides=("right", "left")),
    **_pair("common_carotid_artery", "common carotid artery", sides=("right", "left")),
    **_pair("brachiocephalic_vein", "brachiocephalic vein"),
    "atrial_appendage_left": "left atrial appendage",
    "superior_vena_cava": "superior vena cava",
    "inferior_vena_cava": "inferior vena cava",
    "portal_vein_and_splenic_vein": "portal vein and splenic vein",
    **_PELVIC_VESSELS,
    **_GIRDLES,
    "spinal_cord": "spinal cord",
    **_MUSCLES,
    "brain": "brain",
    "skull": "skull",
    **{f"rib_left_{rib}": f"left {ordinal} rib" for rib, ordinal in enumerate(_ORDINALS, 1)},
    **{f"rib_right_{rib}": f"right {ordinal} rib" for rib, ordinal in enumerate(_ORDINALS, 1)},
    "sternum": "sternum",
    "costal_cartilages": "costal cartilages",
}
MR_CLASSES = {
    **_UPPER_ABDOMEN,
    **_pair("lung", "lung"),
    "esophagus": "esophagus",
    "small_bowel": "small bowel",
    "duodenum": "duodenum",
    "colon": "colon",
    "urinary_bladder": "urinary bladder",
    "prostate": "prostate",
    "sacrum": "sacrum",
    "vertebrae": "vertebrae",
    "intervertebral_discs": "intervertebral discs",
    "spinal_cord": "spinal cord",
    "heart": "heart",
    "aorta": "aorta",
    "inferior_vena_cava": "inferior vena cava",
    "portal_vein_and_splenic_vein": "portal and splenic veins",
    **_PELVIC_VESSELS,
    **_GIRDLES,
    **_MUSCLES,
    "brain": "brain",
}


def _task(number: int, group: str, image: str, classes: dict[str, str], modality: str, description: str) -> Task:
    return Task(
        number=number,
        image=f"{{case}}/{image}",
        mask="{case}/segmentations/{class}.nii.gz",
        case=r"s\d{4}",
        labels=dict(enumerate(classes.values(), 1)),
        modality=modality,
        description=description,
        group=group,
        class_files=tuple(classes),
        upstream_images=f"TotalSegmentator-{group}/Images",
        upstream_masks=f"TotalSegmentator-{group}/Masks",
    )


TOTALSEGMENTATOR = Dataset(
    name="TotalSegmentator",
    package="TotalSegmentator",
    patient=r"((?:CT|MR)/s\d{4})",
    licence="CT: CC BY 4.0; MR: CC BY-NC-SA 2.0",
    spdx="CC-BY-NC-SA-2.0",
    # The CT part alone could be shared (CC BY 4.0); the non-commercial MR part decides for the whole.
    redistribute=False,
    access="open",
    homepage="https://github.com/wasserth/TotalSegmentator",
    data_urls=(
        "https://zenodo.org/records/10047292/files/Totalsegmentator_dataset_v201.zip",
        "https://zenodo.org/records/14710732/files/TotalsegmentatorMRI_dataset_v200.zip",
    ),
    papers=(
        "https://doi.org/10.1148/ryai.230024",
        "https://doi.org/10.1148/radiol.241613",
        "https://arxiv.org/abs/2405.19492",
    ),
    citation=(
        "J. Wasserthal, H.-C. Breit, M. T. Meyer, M. Pradella, et al. TotalSegmentator: Robust Segmentation "
        "of 104 Anatomic Structures in CT Images. Radiology: Artificial Intelligence 5(5):e230024, 2023. "
        "T. Akinci D'Antonoli, L. K. Berger, A. K. Indrakanti, N. Vishwanathan, et al. TotalSegmentator MRI: "
        "Robust Sequence-independent Segmentation of Multiple Anatomic Structures in MRI. Radiology "
        "314(2):e241613, 2025."
    ),
    origin=Origin(
        access="open",
        sources=(
            ZenodoFile(
                record=10047292,
                name="Totalsegmentator_dataset_v201.zip",
                into="Totalsegmentator_dataset_v201",
                part="CT",
                bytes=23_581_218_285,
                md5="fe250e5718e0a3b5df4c4ea9d58a62fe",
                sha256="741dbc911a768e2ac2671c66d55332f7302ad624c915a57d08b142d8bdf0ca26",
            ),
            ZenodoFile(
                record=14710732,
                name="TotalsegmentatorMRI_dataset_v200.zip",
                into="TotalsegmentatorMRI_dataset_v200",
                part="MR",
                bytes=5_100_514_630,
                md5="54638f4cb883ce3b34225195358c398f",
            ),
        ),
        layout=(
            "Totalsegmentator_dataset_v201/s0000/ct.nii.gz",
            "Totalsegmentator_dataset_v201/s0000/segmentations/liver.nii.gz",
            "TotalsegmentatorMRI_dataset_v200/s0001/mri.nii.gz",
        ),
    ),
    images_published=1844,
    masks_published=1844,
    bucket_bits=7,
    tasks=(
        _task(1, "CT", "ct.nii.gz", CT_CLASSES, "CT", "computed tomography (CT) scan"),
        _task(2, "MR", "mri.nii.gz", MR_CLASSES, "MRI", "magnetic resonance imaging (MRI) scan"),
    ),
    source_pool="AbdomenAtlas1.0Mini",
    suspect={
        **{f"CT/s{number:04d}": "image reported empty" for number in (45, 248)},
        **{f"CT/s{number:04d}": "rotated image, masks run on in the void" for number in (1, 44, 67)},
        **{f"CT/s{number:04d}": "bad masks reported" for number in (92, 201, 513, 605)},
        **{f"CT/s{number:04d}": "heart mask in the abdomen" for number in (143, 1196)},
        **{f"CT/s{number:04d}": "vertebrae mixed up" for number in (941, 350, 603, 676, 71, 128)},
    },
)
