"""FeTA24: super-resolved fetal brain MRI of 80 subjects with tissue labels, 70 of them with biometry.

`derivatives/biometry/` repeats the anat folders: landmark masks (`_meas`) in a realigned space and the ITK transform
(`_trf.txt`) that leads there. Names carry the reconstruction (mial or irtk), part of the case. Subjects without
biometry still give boxes.
"""

from medvision.schemas.dataset import Dataset, LandmarkTask, Measure, Task
from medvision.schemas.origin import Origin, SynapseFile

_CASE = r"sub-\d{3}_rec-(?:mial|irtk)"
_INCOMPLETE = ("sub-005_rec-mial", "sub-025_rec-mial", "sub-066_rec-irtk", "sub-032_rec-mial", "sub-016_rec-mial")

FETA24 = Dataset(
    name="FeTA24",
    package="FeTA24",
    patient=r"(sub-\d{3})",
    licence="",
    spdx="",  # data use agreement of the University Children's Hospital Zurich: no redistribution
    redistribute=False,
    access="registration",
    homepage="https://fetachallenge.github.io",
    data_urls=("https://www.synapse.org/Synapse:syn25649159/wiki/610007",),
    papers=("https://doi.org/10.5281/zenodo.10986046", "https://doi.org/10.1038/s41597-021-00946-3"),
    citation=(
        "K. Payette, P. de Dumast, H. Kebiri, I. Ezhov, et al. An automatic multi-tissue human fetal brain "
        "segmentation benchmark using the Fetal Tissue Annotation Dataset. Scientific Data 8:167, 2021."
    ),
    origin=Origin(
        access="token",
        sources=(SynapseFile(entity="syn25649833", into="feta_2.4"),),
        steps=(
            "Register at https://www.synapse.org and validate the account.",
            "On https://www.synapse.org/Synapse:syn25649159 sign the data use agreement of the University Children's "
            "Hospital Zurich.",
        ),
        layout=(
            "sub-001/anat/sub-001_rec-mial_T2w.nii.gz",
            "sub-001/anat/sub-001_rec-mial_dseg.nii.gz",
            "derivatives/biometry/sub-001/anat/sub-001_rec-mial_meas.nii.gz",
            "derivatives/biometry/sub-001/anat/sub-001_rec-mial_trf.txt",
            "derivatives/biometry/biometry.tsv",
        ),
        missing="size; whether the archive holds derivatives/biometry, which also is Zenodo record 11192452",
    ),
    images_published=80,
    masks_published=80,
    bucket_bits=2,
    tasks=(
        Task(
            number=1,
            image="{case}_T2w.nii.gz",
            mask="{case}_dseg.nii.gz",
            case=_CASE,
            labels={
                1: "external cerebrospinal fluid",
                2: "grey matter",
                3: "white matter",
                4: "ventricles",
                5: "cerebellum",
                6: "deep grey matter",
                7: "brainstem",
            },
            modality="MRI",
            description="T2-weighted fetal brain magnetic resonance imaging (MRI) scan",
            upstream_name="{case}_T2w.nii.gz",
            upstream_mask_name="{case}_dseg.nii.gz",
        ),
    ),
    landmark_tasks=(
        LandmarkTask(
            number=1,
            group="realigned",
            image="{case}_T2w.nii.gz",
            case=_CASE,
            sources={"biometry": "{case}_meas.nii.gz"},
            format="voxel_pairs",
            transform="{case}_trf.txt",
            table="biometry.tsv",
            space="realigned",
            points={
                1: "most anterior point of corpus callosum",
                2: "most posterior point of corpus callosum",
                3: "most superior point of vermis",
                4: "most inferior point of vermis",
                5: "right parietal eminence",
                6: "left parietal eminence",
                7: "right skull parietal eminence",
                8: "left skull parietal eminence",
                9: "most right point of cerebellar hemisphere",
                10: "most left point of cerebellar hemisphere",
            },
            measures=(  # named as in the publisher's table, and as upstream names them
                Measure("L-1-2", "distance", (1, 2), 0, "LCC", 1, "length of corpus callosum"),
                Measure("L-3-4", "distance", (3, 4), 0, "HV", 2, "height of vermis"),
                Measure("L-5-6", "distance", (5, 6), 2, "bBIP", 0, "brain biparietal diameter"),
                Measure("L-7-8", "distance", (7, 8), 2, "sBIP", 0, "skull biparietal diameter"),
                Measure("L-9-10", "distance", (9, 10), 1, "TCD", 0, "transverse cerebellar diameter"),
            ),
            modality="MRI",
            description="",  # upstream has none
            excluded_upstream=dict.fromkeys(_INCOMPLETE, "not among upstream's 65 cases with all five measures"),
            upstream_name="{case}_T2w.nii.gz",
            upstream_images="Images-reoriented",
            upstream_modality="",
        ),
    ),
)
