"""The declarative table of one public dataset: what the raw archive holds and which tasks it yields."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from medvision.schemas.origin import Origin

PLANES = ("sagittal", "coronal", "axial")
"""Plane name by slice_dim: the axis of a RAS+ volume that is cut across."""
MODALITY_UNITS = {"CT": "HU", "MRI": "a.u.", "PET": "SUV", "ultrasound": "a.u.", "X Ray": "a.u."}


@dataclass(frozen=True)
class Task:
    """One image kind and the mask that annotates it (upstream's detection and segmentation task).

    Patterns are POSIX paths relative to the dataset's folder, matched at any depth below it. `{case}` stands for
    the task's `case` regular expression and means the same text each time; `{class}` (mask only) stands for each
    name in `class_files`, one binary file a label; `{Tr,Va}` stands for either text.

    Attributes:
        number: Upstream's detection and segmentation task number, from 1.
        group: Tasks with equal `group` and equal case share one mask (four MRI sequences, one segmentation).
            Part of every case id: "" where the dataset has a single group.
        image: Pattern of the image file.
        mask: Pattern of the mask file, or of the per-class mask files when it holds `{class}`.
        case: Regular expression of `{case}`.
        labels: Label value to name as upstream has it, in the order that decides overlaps of per-class masks.
        labels_exact: Names under rules `exact` where upstream's are known to be wrong; empty where they agree.
        surrounds: (outer, inner) label values where the inner one must lie within the outer on each slice; a case
            that breaks it is flagged "label_order_doubtful".
        ignored_labels: Values that the publisher leaves without meaning; under `exact` they count as background.
        class_files: File stem of each label of `labels`, in the same order; empty for multi-label masks.
        channel: Index on the fourth axis for 4D images, None for 3D ones.
        member: Name of the array inside an HDF5 file, "" for other formats.
        mask_member: The same for the mask.
        mask_affine_from_image: Read the mask's voxels on the image's affine, whatever the mask's own says.
        upstream_name: Basename upstream gives the image, `{case}` filled in; numbered splits sort by it.
        upstream_case: What of `upstream_name` upstream's plans call the case id.
        upstream_mask_name: Basename upstream gives the mask; it holds `upstream_case` too.
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
    labels_exact: dict[int, str] = field(default_factory=dict)
    ignored_labels: tuple[int, ...] = ()
    surrounds: tuple[int, int] | None = None
    member: str = ""
    mask_member: str = ""
    mask_affine_from_image: bool = False
    upstream_name: str = "{case}.nii.gz"
    upstream_case: str = "{case}"
    upstream_mask_name: str = "{case}.nii.gz"
    upstream_images: str = "Images"
    upstream_masks: str = "Masks"
    physical_planes: tuple[str, ...] = PLANES
    unit: str = ""

    @property
    def intensity_unit(self) -> str:
        return self.unit or MODALITY_UNITS.get(self.modality, "a.u.")

    @property
    def labels_known_wrong(self) -> bool:
        """Whether upstream gives a label the name of another structure, not just another spelling."""
        exact = self.labels_exact
        return any(name == exact.get(other) for value, name in self.labels.items() for other in exact if other != value)


@dataclass(frozen=True)
class LesionTask:
    """One lesion label to measure on ONE image of its mask (upstream's biometry-from-mask task).

    Attributes:
        number: Upstream's biometry task number, from 1; counted apart from `Task.number`.
        task: `Task.number` of the image that carries the measurement.
        target: Label value of the lesion in that task's mask.
        kind: "mass", whose longest diameter is its measure, or "node" (lymph node), whose short axis is (RECIST 1.1).
    """

    number: int
    task: int
    target: int
    kind: str = "mass"


@dataclass(frozen=True)
class Measure:
    """One distance or angle between landmarks (upstream's A/D task).

    Attributes:
        key: Upstream's key, such as "L-1-2" (line) or "A-L_1_2-L_2_5" (angle between two lines).
        kind: "distance" (mm) or "angle" (degrees).
        points: Two point numbers for a distance, four for an angle: from, to of the first line, then of the second.
        slice_dim: Plane it is shown on: 0 sagittal, 1 coronal, 2 axial.
        name: What the field calls it, "" where it has no name.
        upstream_name: What upstream's plans call it, "" where they give no name.
        larger_axis: Axis of the RAS+ volume on which the first point has the larger index where a file does not
            order its two points; -1 where it does.
    """

    key: str
    kind: str
    points: tuple[int, ...]
    slice_dim: int
    name: str = ""
    larger_axis: int = -1
    upstream_name: str = ""


@dataclass(frozen=True)
class LandmarkTask:
    """One image kind with landmarks, and the measures between them.

    Attributes:
        number: Upstream's biometry task number.
        image: Pattern of the image file, as in `Task`.
        case: Regular expression of `{case}`.
        sources: Name of each set of landmarks to the pattern of its file; the first is upstream's.
        format: How a landmark file is read: "isbi_text" or "voxel_pairs" (transforms/landmarks.py).
        points: Point number to its name.
        measures: Upstream's, in upstream's order.
        transform: Pattern of an ITK transform file that maps the image onto the landmarks' space, "" for none.
        table: Pattern of the publisher's table of measures, which decides under rules `exact` which label of a landmark
            mask is which measure; "" for none.
        space: "native", or the name of the space that `transform` leads to.
        spacing_mm: Pixel size of images that carry none (films), 0 for those that do.
        mean_of_sources: Whether the mean of the sources is one more, named "mean".
        excluded_upstream: Cases that upstream drops under numbered rules, with why.
        upstream_modality: Modality in upstream's plans where it differs; None where it does not.
    """

    number: int
    image: str
    case: str
    sources: dict[str, str]
    format: str
    points: dict[int, str]
    measures: tuple[Measure, ...]
    modality: str
    description: str
    group: str = ""
    transform: str = ""
    table: str = ""
    space: str = "native"
    spacing_mm: float = 0.0
    mean_of_sources: bool = False
    excluded_upstream: dict[str, str] = field(default_factory=dict)
    upstream_name: str = "{case}.nii.gz"
    upstream_images: str = "Images"
    upstream_landmarks: str = "Landmarks"
    upstream_modality: str | None = None
    unit: str = ""

    @property
    def intensity_unit(self) -> str:
        return self.unit or MODALITY_UNITS.get(self.modality, "a.u.")


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
        landmark_tasks: Tasks on landmarks, numbered apart (upstream's A/D tasks).
        drop_empty_masks: Drop cases whose mask holds no label before the numbered split is drawn, as upstream does.
        patient_files: Patterns of files that say which patient a case is of.
        read_axes: Reads the same contents to {case id: axis codes}, such as "IPR", for files that hold no affine.
        read_patients: Reads their contents, in order of path, to {case id: patient}; a case that it lacks takes
            `patient`.
        source_pool: Which other public datasets share scans with this one, "" for none known.
        no_mm: Case id to why, for cases whose voxel size is known to be made up; `exact` leaves them out.
        spacing_in_header: Whether this publisher's affines have columns of length 1 and only the header's voxel sizes
            are true; such an affine is then scaled by them.
        known_bad: Case id to why, for cases that are certainly wrong in this release; `exact` leaves them out.
        late_cases: Case id to why, for cases that upstream's plans took up late or not at all (rules' `late_cases`).
        suspect: Case id to why, for doubtful cases; their rows carry the flag "suspect".
        upstream_title: Name inside upstream's plans where it differs; None where it does not.
        origin: Where the raw files are fetched from; None where the table does not say.
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
    landmark_tasks: tuple[LandmarkTask, ...] = ()
    spacing_in_header: bool = False
    drop_empty_masks: bool = False
    patient_files: tuple[str, ...] = ()
    read_patients: Callable[[list[bytes]], dict[str, str]] | None = None
    read_axes: Callable[[list[bytes]], dict[str, str]] | None = None
    source_pool: str = ""
    no_mm: dict[str, str] = field(default_factory=dict)
    known_bad: dict[str, str] = field(default_factory=dict)
    late_cases: dict[str, str] = field(default_factory=dict)
    suspect: dict[str, str] = field(default_factory=dict)
    upstream_title: str | None = None
    origin: Origin | None = None

    def patient_of(self, case_id: str) -> str:
        """Patient key by the pattern. Raises ValueError when the pattern misses the case id."""
        found = re.search(self.patient, case_id)
        if found is None:
            raise ValueError(f"{self.name}: patient pattern {self.patient!r} misses {case_id!r}")
        return found[1]

    def task(self, number: int) -> Task:
        for task in self.tasks:
            if task.number == number:
                return task
        raise KeyError(f"{self.name} has no task {number}; it has {[t.number for t in self.tasks]}")

    def landmark_task(self, number: int) -> LandmarkTask:
        for task in self.landmark_tasks:
            if task.number == number:
                return task
        raise KeyError(f"{self.name} has no landmark task {number}")

    def lesions_of(self, task_number: int) -> tuple[LesionTask, ...]:
        return tuple(lesion for lesion in self.lesion_tasks if lesion.task == task_number)
