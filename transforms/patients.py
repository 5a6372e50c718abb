"""What a publisher's list files say of cases: which patient each is of, and how its axes run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import fsspec

from medvision.schemas.case import Case, SourceFile
from medvision.schemas.dataset import Dataset
from medvision.transforms.patterns import compile_pattern
from medvision.transforms.ranges import read_all


class ListFileError(ValueError):
    """A publisher's list file is not what its dataset's table expects."""


def apply_lists(
    dataset: Dataset,
    cases: Sequence[Case],
    files: Sequence[SourceFile],
    fs: fsspec.AbstractFileSystem,
    root: str,
) -> list[Case]:
    """The cases with patients and axes from the publisher's list files.

    Raises:
        ListFileError: A list file is missing or damaged. Without it patients would stand on both sides of a split.
    """
    if dataset.read_patients is None:
        return list(cases)
    patterns = [compile_pattern(pattern, "") for pattern in dataset.patient_files]
    paths = sorted(file.path for file in files if any(pattern.match(file.path) for pattern in patterns))
    if not paths:
        raise ListFileError(
            f"{dataset.name}: no file matches {', '.join(dataset.patient_files)} (it names the patients)"
        )
    contents = [read_all(fs, f"{root}/{path}") for path in paths]
    try:
        patients = dataset.read_patients(contents)
        axes = dataset.read_axes(contents) if dataset.read_axes else {}
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise ListFileError(f"{dataset.name}: {', '.join(paths)} cannot be read: {error}") from error
    return [
        replace(case, patient=patients.get(case.case_id, case.patient), axes=axes.get(case.case_id, case.axes))
        for case in cases
    ]
