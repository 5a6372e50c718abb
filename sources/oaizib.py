"""OAIZIB-CM: DESS MRI of the right knee of 507 subjects of the Osteoarthritis Initiative, with bone and cartilage.

The publisher's training and test parts (`imagesTr`, `imagesTs`) both have labels and are merged, as upstream does.
"""

import csv
import io

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import HubFiles, Origin


def read_subjects(tables: list[bytes]) -> dict[str, str]:
    """Case to OAI subject from the publisher's tables; their column CMT-ID counts the cases.

    Raises:
        KeyError, ValueError: A table lacks a column or holds a CMT-ID that is no number.
    """
    rows = (row for table in tables for row in csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    return {f"oaizib_{int(row['CMT-ID']):03d}": row["SubjectID"].strip() for row in rows}


OAIZIB_CM = Dataset(
    name="OAIZIB-CM",
    package="OAIZIB_CM",
    patient=r"(oaizib_\d{3})",
    patient_files=("subInfo_train_1.csv", "subInfo_test_1.csv"),
    read_patients=read_subjects,
    licence="CC BY-NC 4.0",
    spdx="",  # the Osteoarthritis Initiative's own terms
    redistribute=False,
    access="open",
    homepage="https://github.com/YongchengYAO/CartiMorph",
    data_urls=("https://huggingface.co/datasets/YongchengYAO/OAIZIB-CM",),
    papers=(
        "https://doi.org/10.1016/j.media.2018.11.009",
        "https://doi.org/10.1016/j.media.2023.103035",
        "https://doi.org/10.1007/978-3-031-82007-6_16",
    ),
    citation=(
        "Y. Yao, J. Zhong, L. Zhang, S. Khan, W. Chen. CartiMorph: A framework for automated knee articular cartilage "
        "morphometrics. Medical Image Analysis 91:103035, 2024. F. Ambellan, A. Tack, M. Ehlke, S. Zachow. Automated "
        "segmentation of knee bone and cartilage combining statistical shape knowledge and convolutional neural "
        "networks: Data from the Osteoarthritis Initiative. Medical Image Analysis 52:109-118, 2019."
    ),
    origin=Origin(
        access="open",
        sources=(
            HubFiles(
                repo="YongchengYAO/OAIZIB-CM",
                revision="ba18c844309f6288b51772fd79a8f7cdb6aabc01",
                files=r"([^/]+)\.zip",
                into=r"\1",
                unpack=True,
            ),
            HubFiles(
                repo="YongchengYAO/OAIZIB-CM",
                revision="ba18c844309f6288b51772fd79a8f7cdb6aabc01",
                files=r"(?:.*/)?subInfo_(?:train|test)_1\.csv",
                optional=True,
            ),
        ),
        layout=(
            "imagesTr/oaizib_001_0000.nii.gz",
            "labelsTr/oaizib_001.nii.gz",
            "imagesTs/oaizib_405_0000.nii.gz",
            "labelsTs/oaizib_405.nii.gz",
            "subInfo_train_1.csv",
            "subInfo_test_1.csv",
        ),
        missing="sizes; the repository states them",
    ),
    images_published=507,
    masks_published=507,
    bucket_bits=6,
    source_pool="OAI, OAI-ZIB",
    tasks=(
        Task(
            number=1,
            image="{case}_0000.nii.gz",
            mask="{case}.nii.gz",
            case=r"oaizib_\d{3}",
            labels={
                1: "femur",
                2: "femoral cartilage",
                3: "tibia",
                4: "medial tibial cartilage",
                5: "lateral tibial cartilage",
            },
            modality="MRI",
            description="knee magnetic resonance imaging (MRI) scan",
            upstream_name="{case}_0000.nii.gz",
        ),
    ),
)
