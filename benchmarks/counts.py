"""What a full release is made of: the 22 datasets, their published counts, and the shape of a typical volume of each.

Counts of images and masks are those of the dataset tables; `Part` splits them where a dataset mixes kinds of scans.
"""

from __future__ import annotations

from dataclasses import dataclass

from medvision.sources.registry import find_dataset

MEASURED, STATED, NOTED, ASSUMED = "measured", "stated", "noted", "assumed"
"""Where a shape is from: files that were read; a public page; notes that were not checked again, of a range its middle;
nobody, a plausible middle value."""

CT = ("ct15-shard", "ct15")
CT_LESIONS = ("tumour", "real-kidneys")
CLASS_FILES = ("classes",)
HEAD = ("brain",)
CINE = ("heart", "real-hearts")
CROP = ("real-hippocampus",)
"""Benchmark cases by name: those that a part's volumes are most like."""


@dataclass(frozen=True)
class Part:
    """Volumes of one kind in a dataset.

    Attributes:
        images: 3D images.
        masks: 3D masks.
        shape_xyz: Voxels of a typical volume.
        image_bytes_a_voxel: Of an image as stored, uncompressed; a guess unless the shape is MEASURED.
        like: Benchmark cases whose rates hold for it.
        shape_from: MEASURED, STATED, NOTED or ASSUMED, after the axis that is least sure.
        mask_files: Files of one mask: more than one where each class has its own.
        flat: A film: one slice, on the plane of the first two axes.
    """

    images: int
    masks: int
    shape_xyz: tuple[int, int, int]
    image_bytes_a_voxel: float
    like: tuple[str, ...]
    shape_from: str
    mask_files: int = 1
    flat: bool = False

    @property
    def voxels(self) -> int:
        x, y, z = self.shape_xyz
        return x * y * z

    @property
    def slices_at_most(self) -> int:
        """Slices of all images over the three planes, empty ones too."""
        return self.images * (1 if self.flat else sum(self.shape_xyz))

    @property
    def pixels_a_slice(self) -> float:
        """Mean over slices, if each plane has a part of them as large as its axis is long: 3xyz / (x + y + z)."""
        return self.voxels if self.flat else 3 * self.voxels / sum(self.shape_xyz)

    @property
    def pixels_a_slice_even(self) -> float:
        """The same if each plane has a third of the slices."""
        x, y, z = self.shape_xyz
        return self.voxels if self.flat else (x * y + x * z + y * z) / 3


@dataclass(frozen=True)
class Count:
    """One dataset.

    Attributes:
        name: Of its table.
        slices: Non-empty 2D slices that upstream's dataset-info counts over three planes, for every image file.
        parts: Kinds of volumes.
        archive_gb: Gigabytes (10^9 bytes) to download, where the publisher or a user states it; None: not known.
    """

    name: str
    slices: int
    parts: tuple[Part, ...]
    archive_gb: float | None = None

    @property
    def images(self) -> int:
        return find_dataset(self.name).images_published

    @property
    def masks(self) -> int:
        return find_dataset(self.name).masks_published

    @property
    def assumed(self) -> bool:
        """Whether the shape of any part is a guess."""
        return any(part.shape_from == ASSUMED for part in self.parts)

    def slices_of(self, part: Part) -> float:
        """A part's share of the slices, by how many its volumes have at most."""
        return self.slices * part.slices_at_most / sum(other.slices_at_most for other in self.parts)


COUNTS = (
    Count("AbdomenAtlas1.0Mini", 3_778_805, (Part(5195, 5195, (512, 512, 250), 2, CT, ASSUMED),), 300),
    Count("AbdomenCT-1K", 711_155, (Part(1000, 1000, (512, 512, 220), 2, CT, ASSUMED),)),
    Count("ACDC", 43_962, (Part(300, 300, (216, 256, 10), 3.5, CINE, MEASURED),)),
    Count(
        "AMOS22",
        251_637,
        (
            Part(300, 300, (512, 512, 130), 2, CT, ASSUMED),
            Part(60, 60, (320, 320, 80), 2, HEAD, ASSUMED),
        ),
    ),
    Count("autoPET-III", 360_638, (Part(2076, 1038, (400, 400, 330), 4, CT_LESIONS, ASSUMED),), 120),
    Count(
        "BCV15",
        34_472,
        (
            Part(30, 30, (512, 512, 140), 2, CT, NOTED),
            Part(30, 30, (512, 512, 150), 2, CT, ASSUMED),
        ),
    ),
    Count(
        "BraTS24",
        2_019_118,
        (
            Part(4 * 1621, 1621, (182, 218, 182), 2, HEAD, STATED),
            Part(4 * 912, 912, (240, 240, 155), 2, HEAD, STATED),
            Part(500, 500, (384, 384, 130), 2, HEAD, ASSUMED),
        ),
    ),
    Count("CAMUS", 670_964, (Part(1000, 1000, (600, 800, 18), 1, CINE, ASSUMED),)),
    Count("Ceph-Biometrics-400", 400, (Part(400, 0, (1935, 2400, 1), 3, CT, STATED, flat=True),)),
    Count("CrossMoDA", 14_115, (Part(105, 105, (512, 512, 120), 2, HEAD, NOTED),)),
    Count("FeTA24", 35_776, (Part(80, 80, (256, 256, 256), 4, HEAD, NOTED),)),
    Count("FLARE22", 34_235, (Part(50, 50, (512, 512, 95), 2, CT, NOTED),)),
    Count("HNTSMRG24", 56_078, (Part(300, 300, (512, 512, 100), 2, CT_LESIONS, NOTED),)),
    Count("ISLES24", 97_228, (Part(298, 149, (512, 512, 60), 4, HEAD, ASSUMED),), 99),
    Count("KiPA22", 29_494, (Part(70, 70, (150, 150, 200), 2, CT_LESIONS, NOTED),), 0.4),
    Count("KiTS23", 190_642, (Part(489, 489, (512, 512, 200), 2, CT_LESIONS, ASSUMED),)),
    Count(
        "MSD",
        791_706,
        (
            Part(4 * 484, 484, (240, 240, 155), 4, HEAD, STATED),
            Part(20, 20, (320, 320, 115), 4, HEAD, ASSUMED),
            Part(131, 131, (512, 512, 450), 2, CT_LESIONS, ASSUMED),
            Part(260, 260, (35, 51, 35), 3.4, CROP, MEASURED),
            Part(2 * 32, 32, (320, 320, 20), 4, CINE, STATED),
            Part(63, 63, (512, 512, 280), 2, CT_LESIONS, ASSUMED),
            Part(281, 281, (512, 512, 95), 2, CT_LESIONS, ASSUMED),
            Part(303, 303, (512, 512, 70), 2, CT_LESIONS, ASSUMED),
            Part(41, 41, (512, 512, 90), 2, CT, ASSUMED),
            Part(126, 126, (512, 512, 105), 2, CT_LESIONS, ASSUMED),
        ),
    ),
    Count("OAIZIB-CM", 358_728, (Part(507, 507, (384, 384, 160), 2, HEAD, NOTED),)),
    Count("SKM-TEA", 173_690, (Part(310, 155, (512, 512, 160), 4, HEAD, STATED),), 900),
    Count("ToothFairy2", 397_531, (Part(480, 480, (400, 400, 250), 2, CT, ASSUMED),)),
    Count("TopCoW24", 87_953, (Part(250, 250, (500, 500, 180), 2, CT, ASSUMED),)),
    Count(
        "TotalSegmentator",
        1_091_563,
        (
            Part(1228, 1228, (260, 240, 280), 2, CLASS_FILES, ASSUMED, mask_files=117),
            Part(616, 616, (250, 250, 80), 2, CLASS_FILES, ASSUMED, mask_files=50),
        ),
    ),
)
"""In the published tables' order of names. MSD's parts are its ten tasks; 4D files count a channel as an image."""
