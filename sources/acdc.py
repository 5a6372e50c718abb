"""ACDC: short-axis cine cardiac MRI, two labelled frames (end diastole, end systole) of each of 150 patients.

The archive holds `ACDC/database/{training,testing}/patientNNN/`, both parts labelled. The whole cine beside
the frames (`patientNNN_4d.nii.gz`) carries no labels and does not match the case pattern. The affines
are diag(-1, -1, 1): only the header's zooms give the voxel size.
"""

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import HandFile, Origin

ACDC = Dataset(
    name="ACDC",
    package="ACDC",
    patient=r"(patient\d{3})",
    licence="CC BY-NC-SA 4.0",
    spdx="CC-BY-NC-SA-4.0",
    redistribute=False,
    access="registration",
    homepage="https://www.creatis.insa-lyon.fr/Challenge/acdc/",
    data_urls=("https://humanheart-project.creatis.insa-lyon.fr/database/#collection/637218c173e9f0047faa00fb",),
    papers=("https://doi.org/10.1109/TMI.2018.2837502",),
    citation=(
        "O. Bernard, A. Lalande, C. Zotti, F. Cervenansky, et al. Deep Learning Techniques for Automatic MRI "
        "Cardiac Multi-Structures Segmentation and Diagnosis: Is the Problem Solved? IEEE Transactions on "
        "Medical Imaging 37(11):2514-2525, 2018."
    ),
    origin=Origin(
        access="by hand",
        sources=(
            HandFile(
                name="ACDC.zip",
                into="ACDC",
                sha256="2787e08b0d3525cbac710fc3bdf69ee7c5fd7446472e49db8bc78548802f6b5e",
            ),
        ),
        steps=(
            "Register at https://humanheart-project.creatis.insa-lyon.fr/database/ and log in.",
            "Read and accept the terms; every use has to cite the paper (MANDATORY_CITATION.md).",
            "Download the collection 637218c173e9f0047faa00fb as ACDC.zip: "
            "https://humanheart-project.creatis.insa-lyon.fr/database/#collection/637218c173e9f0047faa00fb",
        ),
        layout=(
            "ACDC/database/training/patient001/patient001_frame01.nii.gz",
            "ACDC/database/training/patient001/patient001_frame01_gt.nii.gz",
        ),
        missing="size",
    ),
    images_published=300,
    masks_published=300,
    spacing_in_header=True,
    bucket_bits=2,
    tasks=(
        Task(
            number=1,
            image="{case}.nii.gz",
            mask="{case}_gt.nii.gz",
            case=r"patient\d{3}_frame\d{2}",
            labels={1: "right ventricular cavity", 2: "myocardium", 3: "left ventricular cavity"},
            modality="MRI",
            description="cardiac magnetic resonance imaging (MRI) scan",
            upstream_mask_name="{case}_gt.nii.gz",
        ),
    ),
)
