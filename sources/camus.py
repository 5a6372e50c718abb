"""CAMUS: echocardiographic sequences (end diastole to end systole) of 500 patients in two views, every frame labelled.

Files `patientNNNN_{2CH,4CH}_half_sequence.nii.gz`, 2D and time: the third axis is the frame, so only the first two
are lengths. The single end-diastole and end-systole frames beside them are not used. Some sequences run from
systole to diastole.
"""

from medvision.schemas.dataset import Dataset, Task
from medvision.schemas.origin import Origin

CAMUS = Dataset(
    name="CAMUS",
    package="CAMUS",
    patient=r"(patient\d{4})",
    licence="CC BY-NC-SA 4.0",
    spdx="CC-BY-NC-SA-4.0",
    redistribute=False,
    access="registration",
    homepage="https://www.creatis.insa-lyon.fr/Challenge/camus/",
    data_urls=("https://humanheart-project.creatis.insa-lyon.fr/database/#collection/6373703d73e9f0047faa1bc8",),
    papers=("https://doi.org/10.1109/TMI.2019.2900516",),
    citation=(
        "S. Leclerc, E. Smistad, J. Pedrosa, A. Østvik, et al. Deep Learning for Segmentation Using an Open "
        "Large-Scale Dataset in 2D Echocardiography. IEEE Transactions on Medical Imaging 38(9):2198-2210, 2019."
    ),
    origin=Origin(
        access="by hand",
        steps=(
            "Register at https://humanheart-project.creatis.insa-lyon.fr/database/ and log in.",
            "Download the collection 6373703d73e9f0047faa1bc8, whole: "
            "https://humanheart-project.creatis.insa-lyon.fr/database/#collection/6373703d73e9f0047faa1bc8",
            "Unpack it below ROOT/CAMUS/. The server packs it anew for each download, so its check sum means nothing.",
        ),
        layout=(
            "database_nifti/patient0001/patient0001_2CH_half_sequence.nii.gz",
            "database_nifti/patient0001/patient0001_2CH_half_sequence_gt.nii.gz",
        ),
        missing="name and size of the archive",
    ),
    images_published=1000,
    masks_published=1000,
    bucket_bits=4,
    tasks=(
        Task(
            number=1,
            image="{case}_half_sequence.nii.gz",
            mask="{case}_half_sequence_gt.nii.gz",
            case=r"patient\d{4}_[24]CH",
            # Upstream has the names of the first two the wrong way round.
            labels={1: "left ventricular myocardium", 2: "left ventricle", 3: "left atrium"},
            surrounds=(2, 1),
            labels_exact={1: "left ventricular cavity", 2: "left ventricular myocardium", 3: "left atrium"},
            modality="ultrasound",
            description="echocardiographic image",
            upstream_name="{case}_half_sequence.nii.gz",
            upstream_case="{case}_half_sequence",
            upstream_mask_name="{case}_half_sequence_gt.nii.gz",
            physical_planes=("axial",),
        ),
    ),
)
