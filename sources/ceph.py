"""Ceph-Biometrics-400: 400 cephalograms of the ISBI 2014 and 2015 challenges, 19 landmarks by two readers each.

The zip holds two RAR archives, films (`RawImage/*/001.bmp`) and readings (`400_senior/001.txt`, `400_junior/001.txt`).
Films carry no pixel size; the challenge states 0.1 mm. There are no masks, so no detection tasks.
"""

from medvision.schemas.dataset import Dataset, LandmarkTask, Measure
from medvision.schemas.origin import Origin, WebFile

_POINTS = (
    "sella",
    "nasion",
    "orbitale",
    "porion",
    "subspinale",
    "supramentale",
    "pogonion",
    "menton",
    "gnathion",
    "gonion",
    "incision inferius",
    "incision superius",
    "upper lip",
    "lower lip",
    "subnasale",
    "soft tissue pogonion",
    "posterior nasal spine",
    "anterior nasal spine",
    "articulare",
)
_ANGLES = {
    (2, 5, 2, 6): "ANB",
    (1, 2, 2, 6): "SNB",
    (1, 2, 2, 5): "SNA",
    (5, 6, 8, 10): "",
    (3, 4, 2, 7): "",
    (3, 4, 17, 18): "",
    (2, 7, 5, 6): "",
    (1, 2, 9, 10): "FMA",
}
_DISTANCES = ((1, 2), (1, 10), (2, 5), (2, 6), (2, 7), (2, 8), (3, 4), (5, 6), (8, 10), (9, 10), (17, 18))

CEPH = Dataset(
    name="Ceph-Biometrics-400",
    package="Ceph_Biometrics_400",
    patient=r"(\d{3})",
    licence="figshare: N/A; mirror: CC BY-NC 4.0",
    spdx="",
    redistribute=False,
    access="open",
    homepage="https://figshare.com/s/37ec464af8e81ae6ebbf",
    data_urls=("https://figshare.com/s/37ec464af8e81ae6ebbf",),
    papers=("https://doi.org/10.1038/srep33581", "https://doi.org/10.1016/j.media.2016.02.004"),
    citation=(
        "C. Lindner, C.-W. Wang, C.-T. Huang, C.-H. Li, et al. Fully Automatic System for Accurate Localisation and "
        "Analysis of Cephalometric Landmarks in Lateral Cephalograms. Scientific Reports 6:33581, 2016. C.-W. Wang, "
        "C.-T. Huang, J.-H. Lee, C.-H. Li, et al. A benchmark for comparison of dental radiography analysis "
        "algorithms. Medical Image Analysis 31:63-76, 2016."
    ),
    origin=Origin(
        access="open",
        sources=(
            WebFile(
                url="https://figshare.com/ndownloader/articles/3471833?private_link=37ec464af8e81ae6ebbf",
                name="3471833.zip",
                into="3471833",
                fixed=False,
            ),
        ),
        after=(
            "Unpack 3471833/RawImage.rar and 3471833/AnnotationsByMD.rar beside them (unrar x, or bsdtar -xf): "
            "RAR is not unpacked here.",
        ),
        layout=("RawImage/TrainingData/001.bmp", "400_senior/001.txt", "400_junior/001.txt"),
        missing="size; check sum: the server packs it anew each time, so what is inside is held to the first fetch",
    ),
    images_published=400,
    masks_published=0,
    bucket_bits=2,
    tasks=(),
    landmark_tasks=(
        LandmarkTask(
            number=1,
            image="{case}.bmp",
            case=r"\d{3}",
            sources={"senior": "400_senior/{case}.txt", "junior": "400_junior/{case}.txt"},
            format="isbi_text",
            points=dict(enumerate(_POINTS, 1)),
            measures=(
                *(
                    Measure(f"A-L_{a}_{b}-L_{c}_{d}", "angle", (a, b, c, d), 0, name)
                    for (a, b, c, d), name in _ANGLES.items()
                ),
                *(Measure(f"L-{a}-{b}", "distance", (a, b), 0) for a, b in _DISTANCES),
            ),
            modality="X Ray",
            description="cephalogram (head and neck X-ray)",
            spacing_mm=0.1,
            mean_of_sources=True,
        ),
    ),
)
