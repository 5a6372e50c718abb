"""Data faults: what is wrong with a raw file, as a reason code and a message from our own templates.

An environment fault (I/O, memory, time) is any other exception; it is never turned into a dead letter.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

REASONS = {
    "image_missing": "mask without an image",
    "mask_missing": "image without a mask",
    "mask_incomplete": "{missing} of {expected} class files are missing",
    "known_bad": "listed as wrong in this release: {why}",
    "no_spacing": "voxel size is made up: {why}",
    "excluded_upstream": "left out by upstream: {why}",
    "duplicate_case": "{count} files match the same case",
    "bad_name": "a name of the case's files or folders is not Unicode text",
    "not_a_file": "what stands there is no file: a link that leads nowhere, a folder, a pipe or a device",
    "bad_gzip": "gzip stream is damaged or truncated",
    "trailing_data": "data after the end of the image",
    "bad_header": "header is not valid {format}",
    "bad_dims": "dimensions {dims} are not those of a 3D or 4D image",
    "truncated": "{got} bytes of voxels, the header promises {expected}",
    "dims_exceed_file": "header promises {expected} bytes, more than a file of {size} bytes can hold",
    "volume_too_large": "{bytes} bytes decompressed, the limit is {limit}",
    "unsupported_dtype": "voxel type {dtype} is not supported",
    "unsupported_format": "no reader for files ending in {suffix}",
    "unsupported_encoding": "voxels encoded as {encoding} are not supported",
    "bad_voxels": "voxels cannot be decoded as {format}",
    "external_file": "the header names a data file that is outside of the dataset's folder or not a single file",
    "data_file_missing": "the data file that the header names is missing",
    "member_missing": "no array {member} in the file",
    "dicom_no_image": "no single-frame DICOM image among {count} DICOM files: {kinds}",
    "dicom_unsupported": "{kind} is not supported; single-frame series and DICOM-SEG (BINARY, LABELMAP) are",
    "dicom_mixed_series": "files of {count} series stand in one folder",
    "dicom_mixed_orientation": "slices of one series differ in orientation",
    "dicom_mixed_shape": "slices of one series differ in rows or columns",
    "dicom_mixed_spacing": "slices of one series differ in pixel spacing",
    "dicom_no_position": "slice lacks a position, an orientation or a pixel spacing",
    "dicom_duplicate_slice": "{count} slices lie where another one lies",
    "dicom_missing_slices": "{count} slices are missing among {found}, which are {spacing_mm} mm apart",
    "dicom_uneven_spacing": "slices are {smallest_mm} to {largest_mm} mm apart",
    "dicom_gantry_tilt": "slices drift by {drift_mm} mm across their normal, the limit is {limit_mm} mm",
    "rtstruct_unsupported": "contours (RTSTRUCT) are not supported as a mask; DICOM-SEG, NIfTI, MetaImage and NRRD are",
    "seg_off_grid": "a segmentation frame lies {distance_mm} mm off the image's slices, the limit is {limit_mm} mm",
    "bad_affine": "affine is not finite and invertible",
    "bad_spacing": "voxel spacing {spacing_mm} mm is not finite and positive",
    "channel_missing": "channel {channel} asked of an image with {channels}",
    "shape_mismatch": "image shape {image} differs from mask shape {mask}",
    "grid_mismatch": "image and mask grids are {distance_mm} mm apart, the limit is {limit_mm} mm",
    "mask_not_integer": "mask holds values that are not integers",
    "mask_negative": "mask holds negative values",
    "mask_too_many_labels": "mask holds the value {value}, above 65,535",
    "landmarks_missing": "image without landmarks",
    "bad_landmarks": "landmark file is not {expected}",
    "bad_transform": "transform is not a rigid or affine ITK text transform",
    "mask_empty": "mask holds no label",
    "too_many_components": "mask falls into more than {limit} parts",
    "image_not_finite": "image holds no finite value",
    "unbuilt": "the worker died {times} times with this case in hand",
}


class DataFault(Exception):
    """Raw data that cannot be used. `reason` is a key of REASONS; `values` fill its template."""

    def __init__(self, stage: str, reason: str, path: str = "", **values: object) -> None:
        self.stage = stage
        self.reason = reason
        self.path = path
        self.values = values
        super().__init__(self.message)

    @property
    def message(self) -> str:
        return REASONS[self.reason].format(**self.values)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.stage, self.reason, self.path, self.values))


def _rebuild(stage: str, reason: str, path: str, values: dict[str, object]) -> DataFault:
    return DataFault(stage, reason, path, **values)


@dataclass(frozen=True, order=True)
class DeadLetter:
    """A case, or one image of it, left out of the release. `task` is 0 when the whole case is out.

    Bytes of a name that are no Unicode stand escaped in `case_id`, `message` and `path`.
    """

    dataset: str
    case_id: str
    task: int
    stage: str
    reason: str
    message: str
    path: str

    def __post_init__(self) -> None:
        for name in ("case_id", "message", "path"):
            text = getattr(self, name)
            if not is_unicode(text):
                object.__setattr__(self, name, text.encode("utf-8", "backslashreplace").decode())


def is_unicode(text: str) -> bool:
    """Whether a name can be written down: a file system may give bytes that are no text, as lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


DEAD_LETTER_SCHEMA = pa.schema(
    [
        ("dataset", pa.string()),
        ("case_id", pa.string()),
        ("task", pa.uint8()),
        ("stage", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("path", pa.string()),
    ]
)
