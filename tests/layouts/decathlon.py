"""One tar a task, image and label of one name; some images are 4D, and AppleDouble files litter the folders (MSD)."""

import json
from dataclasses import dataclass

import numpy as np
from phantom import CT, MR, Index3, Look, Scan, Triple

from layouts.archive import Archive


@dataclass(frozen=True)
class Decathlon:
    """One Decathlon task. Case i is `stem` filled with `first` + i `step`; labels count from 1.

    Attributes:
        tasks: Upstream's task number of each channel.
        lesions: Labels to measure.
    """

    stem: str
    first: int
    step: int
    channels: tuple[str, ...]
    labels: tuple[str, ...]
    tasks: tuple[int, ...]
    lesions: tuple[int, ...]
    shape_ras: Index3
    spacing_mm: Triple
    dtype: str = "int16"

    @property
    def look(self) -> Look:
        return CT if self.channels == ("CT",) else MR


ONE_CT, ONE_MRI = ("CT",), ("MRI",)
FOUR = ("FLAIR", "T1w", "t1gd", "T2w")
BRAIN = ("edema", "non-enhancing tumor", "enhancing tumour")
TASKS = {
    "Task01_BrainTumour": Decathlon(
        "BRATS_{:03d}", 1, 1, FOUR, BRAIN, (1, 2, 3, 4), (1, 2, 3), (60, 71, 25), (1.0, 1.0, 1.0), "float32"
    ),
    "Task02_Heart": Decathlon(
        "la_{:03d}", 3, 1, ONE_MRI, ("left atrium",), (6,), (), (66, 58, 28), (1.25, 1.25, 1.37), "uint16"
    ),
    "Task03_Liver": Decathlon(
        "liver_{}", 0, 5, ONE_CT, ("liver", "cancer"), (9,), (2,), (72, 63, 26), (0.75, 0.75, 4.0)
    ),
    "Task04_Hippocampus": Decathlon(
        *("hippocampus_{:03d}", 1, 2, ONE_MRI, ("Anterior", "Posterior"), (8,), ()),
        *((42, 51, 35), (1.0, 1.0, 1.0), "float32"),
    ),
    "Task05_Prostate": Decathlon(
        *("prostate_{:02d}", 0, 2, ("T2", "ADC"), ("PZ", "TZ"), (12, 13), ()),
        *((64, 70, 15), (0.625, 0.625, 3.6), "uint16"),
    ),
    "Task06_Lung": Decathlon("lung_{:03d}", 1, 2, ONE_CT, ("cancer",), (10,), (1,), (75, 61, 30), (0.7, 0.7, 2.5)),
    "Task07_Pancreas": Decathlon(
        "pancreas_{:03d}", 1, 3, ONE_CT, ("pancreas", "cancer"), (11,), (2,), (70, 62, 24), (0.8, 0.8, 2.5)
    ),
    "Task08_HepaticVessel": Decathlon(
        "hepaticvessel_{:03d}", 1, 1, ONE_CT, ("Vessel", "Tumour"), (7,), (2,), (68, 60, 22), (0.8, 0.8, 5.0)
    ),
    "Task09_Spleen": Decathlon("spleen_{}", 2, 4, ONE_CT, ("spleen",), (14,), (), (65, 57, 21), (0.79, 0.79, 5.0)),
    "Task10_Colon": Decathlon(
        "colon_{:03d}", 1, 5, ONE_CT, ("colon cancer primaries",), (5,), (1,), (73, 64, 27), (0.78, 0.78, 5.0)
    ),
}


def write_msd(archive: Archive) -> None:
    """Of every task: its labelled images, one test image without a label, AppleDouble litter."""
    for folder, task in TASKS.items():
        names = [f"{task.stem.format(task.first + task.step * index)}.nii.gz" for index in range(archive.cases + 1)]
        for index, name in enumerate(names):
            template = Scan(task.shape_ras, task.spacing_mm)
            labels = range(1, len(task.labels) + 1)
            scan = archive.fill(template, index, name, labels, lesions=task.lesions)
            labelled = index < archive.cases
            _image(archive, f"{folder}/images{'Tr' if labelled else 'Ts'}/{name}", scan, task)
            if not labelled:
                continue
            # The Decathlon's hippocampus labels are a mix of uint8 and float32.
            dtype = "float32" if folder == "Task04_Hippocampus" and index == 1 else "uint8"
            archive.mask(f"{folder}/labelsTr/{name}", scan, dtype, sform_code=1, qform_code=1)
            case_id = f"{folder.partition('_')[2]}/{name.removesuffix('.nii.gz')}"
            archive.case(case_id, case_id, dict.fromkeys(task.tasks, name), scan)
        for part in ("imagesTr", "labelsTr"):
            archive.apple_double(f"{folder}/{part}/._{names[0]}")
        description = {
            "name": folder.partition("_")[2].upper(),
            "licence": "CC-BY-SA 4.0",
            "tensorImageSize": "4D" if len(task.channels) > 1 else "3D",
            "modality": {str(index): name for index, name in enumerate(task.channels)},
            "labels": {str(index): name for index, name in enumerate(("background", *task.labels))},
            "numTraining": archive.cases,
            "numTest": 1,
            "training": [{"image": f"./imagesTr/{n}", "label": f"./labelsTr/{n}"} for n in names[: archive.cases]],
            "test": [f"./imagesTs/{names[archive.cases]}"],
        }
        archive.file(f"{folder}/dataset.json", json.dumps(description, indent=1))


def _image(archive: Archive, path: str, scan: Scan, task: Decathlon) -> None:
    if archive.folder is None:
        return
    image = scan.image(archive.random(path), task.look, task.dtype)
    if len(task.channels) > 1:
        image = np.stack([(image * gain).astype(task.dtype) for gain in (1.0, 0.7, 1.3, 1.1)[: len(task.channels)]], -1)
    archive.nifti(path, image, scan, sform_code=1, qform_code=1)
