"""Arrays in HDF5 files, whose axes and subjects stand in annotation files (SKM-TEA)."""

import json

import numpy as np
from phantom import MR, Scan, stored, write_h5, write_nifti

from layouts.archive import Archive

STORED = "IPR"
"""Axis codes of the arrays: from Superior to Inferior, Anterior to Posterior, Left to Right."""


def write_skmtea(archive: Archive) -> None:
    """Two echoes and a one-hot mask a file; two scans of the first subject; the second scan runs from Right to Left."""
    splits: dict[str, list[dict[str, object]]] = {"train": [], "val": [], "test": []}
    for index in range(archive.cases):
        case = f"MTR_{1 + 4 * index:03d}"
        subject = 11 + max(index - 1, 0)
        axes = "IPL" if index == 1 else STORED
        scan = archive.fill(Scan((23, 52, 61), (0.8, 0.3125, 0.3125), axes=axes), index, case, range(1, 7))
        archive.case(case, f"subject_{subject}", dict.fromkeys((1, 2), f"{case}.nii.gz"), scan)
        names = ["SI", "AP", "RL" if axes[2] == "L" else "LR"]
        image = {"id": index, "scan_id": case, "subject_id": subject, "timepoint": int(index == 1)}
        splits[("train", "val", "test")[index % 3]].append({**image, "orientation": names})
        if archive.folder is None:
            continue
        labels = stored(scan.labels(), axes)
        arrays = {
            **{f"echo{n}": stored(scan.image(archive.random(f"{case} {n}"), MR, "float32"), axes) for n in (1, 2)},
            "seg": np.stack([labels == label for label in range(1, 7)], axis=-1).astype(np.uint8),
        }
        archive.written.append(write_h5(archive.folder / f"image_files/{case}.h5", arrays))
        kspace = {"maps": np.zeros((2, 3), np.float32)}
        archive.written.append(write_h5(archive.folder / f"files_recon_calib-24/{case}.h5", kspace))
        track = archive.folder / f"segmentation_masks/dicom-track/{case}.nii.gz"
        archive.written.append(write_nifti(track, labels.transpose(1, 0, 2), np.eye(4)))
    for split, images in splits.items():
        archive.file(f"annotations/v1.0.0/{split}.json", json.dumps({"images": images, "annotations": []}))
    archive.file("all_metadata.csv", "MTR_ID,ScannerVendor\n")
