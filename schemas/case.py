"""A case: one mask and every image that shares it, as paths relative to the dataset's root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, order=True)
class SourceFile:
    """A raw file. `path` is POSIX and relative to the dataset's root; `stamp` is a cheap change mark.

    `stamp` is the store's checksum or version where it has one, else the modification time. Together with `size`
    it decides whether a record is trusted without reading the file; it never reaches a data file.
    """

    path: str
    size: int
    stamp: str


@dataclass(frozen=True)
class CaseImage:
    """One image of a case: the number of its task, and the channel of a 4D file (None for 3D)."""

    task: int
    file: SourceFile
    channel: int | None
    upstream_name: str


@dataclass(frozen=True)
class Case:
    """One mask with its images.

    Attributes:
        dataset: Dataset name.
        case_id: "<group>/<case>" or "<case>"; unique within the dataset.
        patient: Patient key; never on both sides of the patient-level split.
        images: In task order.
        masks: One multi-label file, or one binary file a label; none for a case of landmarks.
        mask_labels: Label value of each file of `masks` for per-class masks, empty for a multi-label mask.
        landmarks: (Name of the source, file) of each set of landmarks.
        axes: Axis codes of its files where those hold no affine, such as "IPR"; "" where they do.
        extras: (Role, file) of what else its reading needs: "transform", "table".
    """

    dataset: str
    case_id: str
    patient: str
    images: tuple[CaseImage, ...]
    masks: tuple[SourceFile, ...]
    mask_labels: tuple[int, ...] = ()
    landmarks: tuple[tuple[str, SourceFile], ...] = ()
    extras: tuple[tuple[str, SourceFile], ...] = ()
    axes: str = ""

    @property
    def files(self) -> tuple[SourceFile, ...]:
        """Every raw file of the case, each once, in order of path."""
        named = {file for _, file in (*self.landmarks, *self.extras)}
        return tuple(sorted({image.file for image in self.images} | set(self.masks) | named))

    @property
    def annotation_path(self) -> str:
        """Path of the file that annotates the case: its mask, or its first set of landmarks."""
        return self.masks[0].path if self.masks else self.landmarks[0][1].path

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists, without the deep copies of `asdict`: a case has up to 118 files."""
        named = {
            role: [(name, {**vars(file)}) for name, file in getattr(self, role)] for role in ("landmarks", "extras")
        }
        images = [{**vars(image), "file": {**vars(image.file)}} for image in self.images]
        return {**vars(self), **named, "images": images, "masks": [{**vars(mask)} for mask in self.masks]}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Case:
        images = tuple(CaseImage(**{**image, "file": SourceFile(**image["file"])}) for image in data["images"])
        masks = tuple(SourceFile(**mask) for mask in data["masks"])
        named = {
            role: tuple((name, SourceFile(**file)) for name, file in data[role]) for role in ("landmarks", "extras")
        }
        return Case(
            dataset=data["dataset"],
            case_id=data["case_id"],
            patient=data["patient"],
            images=images,
            masks=masks,
            mask_labels=tuple(data["mask_labels"]),
            landmarks=named["landmarks"],
            extras=named["extras"],
            axes=data["axes"],
        )
