"""One folder a case or patient, image and mask side by side in it."""

import json
from dataclasses import replace

import numpy as np
from phantom import CT, MR, Scan, stored_affine

from layouts.archive import Archive


def write_abdomenatlas(archive: Archive) -> None:
    """A merged map beside binary files; the maps' affines are a little off; one volume lacks its CT."""
    organs = ("aorta", "gall_bladder", "kidney_left", "kidney_right", "liver", "pancreas", "postcava", "spleen")
    template = Scan((63, 60, 27), (0.78, 0.78, 2.5))
    for index in range(archive.cases):
        case = f"BDMAP_{1 + index:08d}"
        scan = archive.fill(template, index, case, range(1, 10))
        scan = replace(scan, axes=("RAS", "LAS", "LPS")[index % 3])
        archive.image(f"{case}/ct.nii.gz", scan, CT)
        shifted = scan.affine + np.array([[0.0, 0.0, 0.0, 0.9], [0.0] * 4, [0.0] * 4, [0.0] * 4])
        archive.mask(f"{case}/combined_labels.nii.gz", scan, affine=shifted)
        for label, organ in enumerate((*organs, "stomach"), 1):
            if archive.folder is not None:
                one = (scan.labels() == label).astype(np.uint8)
                archive.nifti(f"{case}/segmentations/{organ}.nii.gz", one, scan)
        archive.case(case, case, {1: f"{case}.nii.gz"}, scan)
    archive.mask("BDMAP_00005195/combined_labels.nii.gz", archive.fill(template, 0, "without a CT", range(1, 10)))
    archive.dead("BDMAP_00005195", "image_missing")


def write_acdc(archive: Archive) -> None:
    """Two labelled frames and the unlabelled cine of each patient; every third patient is a testing one.

    The publisher's affines are diag(-1, -1, 1): only the header's zooms hold the true voxel size.
    """
    template = Scan((64, 72, 12), (1.5625, 1.5625, 10.0), axes="LPS")
    affine = stored_affine("LPS", (1.0, 1.0, 1.0))
    for index in range(archive.cases):
        part, number = ("testing", 101 + index) if index % 3 == 2 else ("training", 1 + index)
        patient = f"patient{number:03d}"
        home = f"ACDC/database/{part}/{patient}"
        dtype = ("int16", "float32")[index % 2]
        zooms, end_systole = template.spacing_mm, 5 + index
        for frame in (1, end_systole):
            stem = f"{patient}_frame{frame:02d}"
            scan = archive.fill(template, index, stem, (1, 2, 3))
            archive.image(f"{home}/{stem}.nii.gz", scan, MR, dtype, affine=affine, zooms_mm=zooms)
            archive.mask(f"{home}/{stem}_gt.nii.gz", scan, affine=affine, zooms_mm=zooms)
            archive.case(stem, patient, {1: f"{stem}.nii.gz"}, scan)
        if archive.folder is not None:
            cine = np.repeat(scan.image(archive.random(patient), MR, dtype)[..., None], end_systole + 2, axis=-1)
            archive.nifti(f"{home}/{patient}_4d.nii.gz", cine, scan, affine=affine, zooms_mm=zooms)
        group = ("DCM", "HCM", "MINF", "NOR", "RV")[index % 5]
        info = {"ED": 1, "ES": end_systole, "Group": group, "Height": 171.0, "NbFrame": end_systole + 2}
        archive.file(f"{home}/Info.cfg", "".join(f"{k}: {v}\n" for k, v in {**info, "Weight": 70.0}.items()))


def write_kits23(archive: Archive) -> None:
    """Slices on the first axis, from the top down; one annotator's tumour beside the merged segmentation."""
    template = Scan((78, 64, 34), (0.8203125, 0.8203125, 3.0), axes="IPL", centred=False)
    clinical = []
    for index in range(archive.cases):
        case = f"case_{index:05d}"
        scan = archive.fill(template, index, case, (1, 2, 3), lesions=(2,))
        home = f"dataset/{case}"
        archive.image(f"{home}/imaging.nii.gz", scan, CT)
        archive.mask(f"{home}/segmentation.nii.gz", scan)
        if archive.folder is not None:
            tumour = (scan.labels() == 2).astype(np.float64)
            archive.nifti(f"{home}/instances/tumor_instance-1_annotation-1.nii.gz", tumour, scan)
        archive.case(case, case, {1: f"{case}.nii.gz"}, scan)
        clinical.append({"case_id": case, "radiographic_size": 2.1 + 0.1 * index, "pathology_t_stage": "1a"})
    archive.file("dataset/kits23.json", json.dumps(clinical, indent=2))


SEQUENCES = ("t1c", "t1n", "t2f", "t2w")


def write_brats24(archive: Archive) -> None:
    """Four images a mask but for MEN-RT; time points of one patient; a metastasis case without t2w; other parts."""
    grid = Scan((48, 53, 24), (1.0, 1.0, 1.0), axes="LPS", centred=False)
    parts = (
        ("GLI", 1, "training_data1_v2", (1, 2, 3, 4)),
        ("MET", 6, "MICCAI-BraTS2024-MET/UCSD - Training", (1, 2, 3)),
        ("PED", 10, "BraTS-PEDs2024_Training", (1, 2, 3, 4)),
    )
    for part, first, folder, labels in parts:
        for index in range(archive.cases):
            # The first two cases of GLI and MET are time points of one patient.
            patient, visit = (1 + index, 0) if part == "PED" or index > 1 else (1, index)
            case = f"BraTS-{part}-{patient:05d}-{visit + (100 if part == 'GLI' else 0):03d}"
            scan = archive.fill(grid, index, case, labels, lesions=labels)
            lacking = "t2w" if part == "MET" and index == 1 else ""
            names = {}
            for number, sequence in enumerate(SEQUENCES, first):
                if sequence == lacking:
                    archive.dead(f"{part}/{case}", "image_missing", number)
                    continue
                names[number] = f"{case}-{sequence}.nii.gz"
                archive.image(f"{folder}/{case}/{names[number]}", scan)
            archive.mask(f"{folder}/{case}/{case}-seg.nii.gz", scan, ("uint8", "int16", "float32")[index % 3])
            archive.case(f"{part}/{case}", f"BraTS-{part}-{patient:05d}", names, scan)
    _write_men_rt(archive)
    other = archive.fill(grid, 0, "GoAT", (1, 2, 3))
    archive.image("GoAT/BraTS-GoAT-00000/BraTS-GoAT-00000-t1c.nii.gz", other)
    archive.mask("GoAT/BraTS-GoAT-00000/BraTS-GoAT-00000-seg.nii.gz", other)


def _write_men_rt(archive: Archive) -> None:
    oblique = Scan((51, 56, 23), (1.02, 1.02, 1.5), axes="LPS", tilt_deg=6.0)
    for index in range(archive.cases):
        case = f"BraTS-MEN-RT-{2 + 7 * index:04d}-1"
        scan = archive.fill(oblique, index, case, (1,), lesions=(1,))
        archive.image(f"BraTS2024-MEN-RT-TrainingData/{case}/{case}_t1c.nii.gz", scan)
        archive.mask(f"BraTS2024-MEN-RT-TrainingData/{case}/{case}_gtv.nii.gz", scan)
        archive.case(f"MEN-RT/{case}", case.removesuffix("-1"), {5: f"{case}_t1c.nii.gz"}, scan)
    unlabelled = "BraTS-MEN-RT-0510-1"
    archive.image(f"BraTS2024-MEN-RT-ValidationData/{unlabelled}/{unlabelled}_t1c.nii.gz", oblique)
    archive.dead(f"MEN-RT/{unlabelled}", "mask_missing")


def write_hntsmrg24(archive: Archive) -> None:
    """Two time points a patient, copies of the earlier moved onto the later; one tumour is gone at mid-treatment."""
    template = Scan((54, 59, 26), (0.9, 0.9, 2.0), axes="LPS")
    gone = 5
    for index, patient in enumerate([*(2 + 8 * index for index in range(archive.cases)), gone]):
        home = f"HNTSMRG24_train/HNTSMRG24_train/{patient}"
        for task, point in ((1, "midRT"), (2, "preRT")):
            stem = f"{patient}_{point}"
            labels = () if patient == gone and point == "midRT" else (1, 2)
            scan = archive.fill(template, index, stem, labels, lesions=(1, 2))
            archive.image(f"{home}/{point}/{stem}_T2.nii.gz", scan, MR, ("float32", "int16")[index % 2])
            archive.mask(f"{home}/{point}/{stem}_mask.nii.gz", scan)
            archive.case(f"{point}/{patient}", str(patient), {task: f"{stem}_T2.nii.gz"}, scan)
        before = archive.fill(template, index, f"{patient}_preRT", (1, 2), lesions=(1, 2))
        archive.image(f"{home}/midRT/{patient}_preRT_T2_registered.nii.gz", before)
        archive.mask(f"{home}/midRT/{patient}_preRT_mask_registered.nii.gz", before)
    archive.dead(f"midRT/{gone}", "mask_empty")
