"""Run one export: open the release, stage the folder, let the format write, say what was done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from medvision.pipelines.export.coco import write_coco
from medvision.pipelines.export.dicom_sr import write_dicom_sr
from medvision.pipelines.export.folder import ExportError, export_folder, write_note
from medvision.pipelines.export.job import ExportJob, FormOptions
from medvision.pipelines.export.plans import write_plan_files
from medvision.pipelines.export.select import Selection
from medvision.pipelines.export.slicer import write_slicer
from medvision.pipelines.export.tables import write_csv
from medvision.pipelines.release import open_current

if TYPE_CHECKING:
    from rich.console import Console

FORMS: dict[str, Callable[[ExportJob], None]] = {
    "coco": write_coco,
    "csv": write_csv,
    "plans": write_plan_files,
    "slicer": write_slicer,
    "dicom-sr": write_dicom_sr,
}
OPTIONS_OF = {
    "coco": {"images"},
    "csv": {"gzip"},
    "plans": {"raw", "splits_from"},
    "dicom-sr": {"raw", "keep_identity"},
}
"""Fields of FormOptions that a format takes."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote, and the cases that its format could not hold."""

    form: str
    out: str
    files: int
    bytes: int
    counts: Counter[str]
    refused: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> str:
        shown = {"format": self.form, "out": self.out, "files": self.files, "bytes": self.bytes}
        return json.dumps({**shown, "counts": dict(sorted(self.counts.items())), "refused": self.refused}, indent=1)


def export_release(
    url: str,
    form: str,
    out: str = "",
    selection: Selection | None = None,
    options: FormOptions | None = None,
    replace: bool = False,
    console: Console | None = None,
) -> Exported:
    """Write a release, or a part of it, in another format.

    Args:
        url: Local path or fsspec URL of the release.
        form: Key of FORMS.
        out: Local folder; "" is `<release>-<form>` in the working directory.
        selection: Rows; None takes all.
        options: What only some formats take.
        replace: Whether an earlier export in `out` makes place.
        console: For a bar of progress on a terminal; None shows nothing.

    Raises:
        ReleaseError: No release, of another version, or without a dataset that is asked for.
        ExportError: The format, its options, a library or the folder stands in the way.
    """
    options, selection = options or FormOptions(), selection or Selection()
    _check_options(form, options)
    release = open_current(url)
    out = out or f"{PurePosixPath(release.root).name or 'release'}-{form}"
    total = sum(file.rows for file in selection.files(release))
    with export_folder(out, release, replace) as folder, _progress(console, form, total) as advance:
        job = ExportJob(release, selection, folder, options, advance)
        FORMS[form](job)
        note = {
            "format": f"medvision-export-{form}",
            "counts": dict(+job.counts),
            "refused": job.refused,
            "rules": release.manifest["rules"],
            "selection": selection.to_json(release),
            "release_files_sha256": release.manifest["tables"]["files.parquet"]["sha256"],
        }
        write_note(folder, note)
    return Exported(form, out, folder.files, folder.bytes, +job.counts, job.refused)


def _check_options(form: str, options: FormOptions) -> None:
    for name, value in vars(options).items():
        if value and name not in OPTIONS_OF.get(form, set()):
            takers = [other for other, taken in OPTIONS_OF.items() if name in taken]
            raise ExportError(f"--{name.replace('_', '-')} is for --to {' and '.join(takers)}, not {form}")


@contextmanager
def _progress(console: Console | None, form: str, total: int) -> Iterator[Callable[[int], None]]:
    if console is None or not console.is_terminal:
        yield lambda rows: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"Slices to {form}", total=total)
        yield lambda rows: progress.advance(task, rows)
