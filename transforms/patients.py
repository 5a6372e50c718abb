"""What a publisher's list files say of cases: which patient each is of, and how its axes run."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace

import fsspec

from medvision.schemas.case import Case, SourceFile
from medvision.schemas.dataset import Dataset
from medvision.schemas.faults import DataFault
from medvision.transforms.patterns import compile_pattern
from medvision.transforms.ranges import check_file, read_all

DAMAGE = (KeyError, ValueError, TypeError, AttributeError, IndexError, RecursionError, csv.Error)
"""What a table's function may raise of a damaged list; parsers of JSON nest without end."""


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
        ListFileError: A list file is missing or damaged, or names none of the cases. Without it patients would stand on
            both sides of a split.
    """
    if dataset.read_patients is None:
        return list(cases)
    patterns = [compile_pattern(pattern, "") for pattern in dataset.patient_files]
    paths = sorted(file.path for file in files if any(pattern.match(file.path) for pattern in patterns))
    if not paths:
        raise ListFileError(
            f"{dataset.name}: no file matches {', '.join(dataset.patient_files)} (it names the patients)"
        )
    contents = [_content(fs, root, path, dataset.name) for path in paths]
    try:
        patients = dataset.read_patients(contents)
        axes = dataset.read_axes(contents) if dataset.read_axes else {}
    except DAMAGE as error:
        raise ListFileError(f"{dataset.name}: {', '.join(paths)} cannot be read: {error}") from error
    if cases and not patients.keys() & {case.case_id for case in cases}:
        raise ListFileError(f"{dataset.name}: {', '.join(paths)} names none of the {len(cases)} cases")
    return [
        replace(case, patient=patients.get(case.case_id, case.patient), axes=axes.get(case.case_id, case.axes))
        for case in cases
    ]


def _content(fs: fsspec.AbstractFileSystem, root: str, path: str, name: str) -> bytes:
    try:
        check_file(fs, f"{root}/{path}")
    except DataFault as fault:
        raise ListFileError(f"{name}: {path} cannot be read: {fault.message}") from fault
    return read_all(fs, f"{root}/{path}")
