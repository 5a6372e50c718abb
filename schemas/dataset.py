"""The declarative table of one public dataset: what the raw archive holds and which tasks it yields."""

from __future__ import annotations

from dataclasses import dataclass, field

PLANES = ("sagittal", "coronal", "axial")
"""Plane name by slice_dim: the axis of a RAS+ volume that is cut across."""
MODALITY_UNITS = {"CT": "HU", "MRI": "a.u.", "PET": "SUV", "ultrasound": "a.u.", "X Ray": "a.u."}


@dataclass(frozen=True)
class Task:
    """One image kind and the mask that annotates it (upstream's detection and segmentation task).

    Patterns are POSIX paths relative to the dataset's folder, matched at any depth below it. `{case}` stands for
    the task's `case` regular expression and means the same text each time; `{class}` (mask only) stands for each
    name in `class_files`, one binary file a label.

    Attributes:
        number: Upstream's detection and segmentation task number, from 1.
        group: Tasks with equal `group` and equal case share one mask (four MRI sequences, one segmentation).
            Part of every case id: "" where the dataset has a single group.
        image: Pattern of the image file.
        mask: Pattern of the mask file, or of the per-class mask files when it holds `{class}`.
        case: Regular expression of `{case}`.
        labels: Label value to name, in the order that decides overlaps of per-class masks.
        class_files: File stem of each label of `labels`, in the same order; empty for multi-label masks.
        channel: Index on the fourth axis for 4D images, None for 3D ones.
        upstream_name: Basename upstream gives the image, `{case}` filled in; numbered splits sort by it.
        upstream_images: Upstream's image folder, relative to its dataset folder.
        upstream_masks: Upstream's mask folder.
        modality: "CT", "MRI", ... as upstream writes it.
        description: Upstream's image description, used in prompts.
        physical_planes: Planes whose two axes are both lengths; a time axis makes the others not spatial.
        unit: Unit of the image intensities; "" takes the modality's usual one.
    """

    number: int
    image: str
    mask: str
    case: str
    labels: dict[int, str]
    modality: str
    description: str
    group: str = ""
    class_files: tuple[str, ...] = ()
    channel: int | None = None
    upstream_name: str = "{case}.nii.gz"
    upstream_images: str = "Images"
    upstream_masks: str = "Masks"
    physical_planes: tuple[str, ...] = PLANES
    unit: str = ""

    @property
    def intensity_unit(self) -> str:
        return self.unit or MODALITY_UNITS.get(self.modality, "a.u.")


@dataclass(frozen=True)
class LesionTask:
    """One lesion label to measure on ONE image of its mask (upstream's biometry-from-mask task).

    Attributes:
        number: Upstream's biometry task number, from 1; counted apart from `Task.number`.
        task: `Task.number` of the image that carries the measurement.
        target: Label value of the lesion in that task's mask.
    """

    number: int
    task: int
    target: int


@dataclass(frozen=True)
class Dataset:
    """A public dataset as its publisher ships it.

    Attributes:
        name: Upstream's dataset name, and the folder below the raw root.
        package: Upstream's Python package name (`medvision_ds.datasets.<package>`).
        patient: Regular expression whose first group, found in the case id, is the patient key.
        licence: As upstream records it.
        spdx: SPDX id of the stricter reading, "" when none exists.
        redistribute: Whether the stricter reading allows its images in a public copy.
        access: "open", "registration" or "gated".
        images_published, masks_published: Number of 3D images and masks upstream lists.
        spacing_in_header: Whether this publisher's affines have columns of length 1 and only the header's voxel sizes
            are true; such an affine is then scaled by them.
        known_bad: Case id to why, for cases that are certainly wrong in this release; `exact` leaves them out.
        suspect: Case id to why, for doubtful cases; their rows carry the flag "suspect".
        bucket_bits: k; each side of the patient-level split has 2^k shards, about 256 MB each for the full dataset.
    """

    name: str
    package: str
    patient: str
    licence: str
    spdx: str
    redistribute: bool
    access: str
    homepage: str
    data_urls: tuple[str, ...]
    papers: tuple[str, ...]
    citation: str
    images_published: int
    masks_published: int
    bucket_bits: int
    tasks: tuple[Task, ...]
    lesion_tasks: tuple[LesionTask, ...] = field(default=())
    spacing_in_header: bool = False
    known_bad: dict[str, str] = field(default_factory=dict)
    suspect: dict[str, str] = field(default_factory=dict)

    def task(self, number: int) -> Task:
        for task in self.tasks:
            if task.number == number:
                return task
        raise KeyError(f"{self.name} has no task {number}; it has {[t.number for t in self.tasks]}")

    def lesions_of(self, task_number: int) -> tuple[LesionTask, ...]:
        return tuple(lesion for lesion in self.lesion_tasks if lesion.task == task_number)
