"""Make question-answer rows of a release: choose pairs, walk their slices, show, ask, write."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from medvision.pipelines.export.folder import export_folder, write_note
from medvision.pipelines.prompts.ask import Asker, NotAsked
from medvision.pipelines.prompts.card import write_card
from medvision.pipelines.prompts.choose import PairsFile, count_chosen, limited, pairs_files
from medvision.pipelines.prompts.errors import PromptError
from medvision.pipelines.prompts.files import SINKS
from medvision.pipelines.prompts.options import PromptOptions
from medvision.pipelines.prompts.pictures import Pictures
from medvision.pipelines.prompts.templates import load_templates
from medvision.pipelines.prompts.walk import SliceAsked, slices_asked
from medvision.pipelines.release import Release, open_current
from medvision.transforms.move import move_of

if TYPE_CHECKING:
    from rich.console import Console

NOTE = "prompts.json"


@dataclass(frozen=True)
class Prompts:
    """What was written.

    Attributes:
        counts: Rows by kind, "pictures", and rows by split under "split train", "split test".
        left_out: Pairs that no question is asked of, by dataset and reason.
    """

    out: str
    files: int
    bytes: int
    counts: Counter[str]
    left_out: Counter[tuple[str, str]]

    @property
    def rows(self) -> int:
        return sum(count for name, count in self.counts.items() if name.startswith("split "))

    def to_json(self) -> str:
        return json.dumps({"out": self.out, "files": self.files, "bytes": self.bytes, **self.summary()}, indent=1)

    def summary(self) -> dict[str, Any]:
        """Counts as they stand in the note."""
        left_out = [{"dataset": d, "reason": r, "pairs": n} for (d, r), n in sorted(self.left_out.items())]
        return {"rows": self.rows, "counts": dict(sorted(self.counts.items())), "left_out": left_out}


def write_prompts(
    url: str, out: str, options: PromptOptions | None = None, replace: bool = False, console: Console | None = None
) -> Prompts:
    """Write question-answer rows of a release, and the pictures they are asked about.

    Args:
        url: Local path or fsspec URL of the release.
        out: Local folder, missing or empty.
        options: What is asked; None asks all pairs of upstream's default set.
        replace: Whether earlier prompts in `out` make place.
        console: For a bar of progress on a terminal; None shows nothing.

    Raises:
        ReleaseError: No release, of another version, or one whose pairs do not fit its slices.
        PromptError: The options, the templates or the folder stand in the way, or the release has no pictures.
    """
    options = options or PromptOptions()
    options.check()
    asker = Asker(options, load_templates(options.templates))
    release = open_current(url)
    files, without = _with_pictures(release, pairs_files(release, options), options)
    counts: Counter[str] = Counter()
    left_out: Counter[tuple[str, str]] = Counter({(name, "no_images"): n for name, n in without.items() if n})
    with export_folder(out, release, replace, NOTE, "--to") as folder:
        limits = limited(release, files, options)
        total = sum(len(ids) for ids in limits.values()) if limits else sum(item.file.rows for item in files)
        with _progress(console, total) as advance, SINKS[options.form](folder) as sink:
            for _, items in groupby(files, key=lambda item: item.file.dataset):
                for found in slices_asked(release, list(items), limits, options):
                    asked = _rows(asker, found)
                    for split, rows in asked.rows.items():
                        sink.add(split, rows)
                        counts[f"split {split}"] += len(rows)
                        counts.update(row["kind"] for row in rows)
                    counts["pictures"] += asked.pictures
                    left_out.update(asked.left_out)
                    advance(asked.pairs)
        done = Prompts(out, folder.files, folder.bytes, counts, left_out)
        if not done.rows:
            raise PromptError(f"no question is left to ask: {_why(left_out)}")
        write_card(folder, release, options, {item.file.dataset for item in files}, done.summary())
        note = {
            "format": "medvision-prompts",
            **done.summary(),
            "options": options.to_json(),
            "rules": release.manifest["rules"],
            "release_files_sha256": release.manifest["tables"]["files.parquet"]["sha256"],
        }
        write_note(folder, note, NOTE)
        return Prompts(out, folder.files, folder.bytes, counts, left_out)


def _why(left_out: Counter[tuple[str, str]]) -> str:
    reasons = sorted({reason for _, reason in left_out})
    return ", ".join(reasons) or "upstream's default set has none of these pairs; --instances all takes the others too"


def _with_pictures(
    release: Release, files: list[PairsFile], options: PromptOptions
) -> tuple[list[PairsFile], Counter[str]]:
    """Files of datasets whose pictures the release holds, and the number of chosen pairs of the others by dataset."""
    held = {file.dataset for file in release.files("data")}
    kept = [item for item in files if item.file.dataset in held]
    without = [item for item in files if item.file.dataset not in held]
    if not kept:
        names = sorted({item.file.dataset for item in without})
        raise PromptError(
            f"{release.url} holds no pictures of {', '.join(names)}: build it again with images (no "
            "--images none, formats with parquet), and with --private where a licence kept them out"
        )
    return kept, count_chosen(release, without, options)


@dataclass
class _Asked:
    """Rows of one slice by split, its pictures, pairs and what was left out."""

    rows: dict[str, list[dict[str, Any]]]
    pictures: int
    pairs: int
    left_out: Counter[tuple[str, str]]


def _rows(asker: Asker, asked: SliceAsked) -> _Asked:
    pictures = Pictures.of(asked.row, asker.options)
    whole = move_of(pictures.move.shape, asker.options.orientation)
    rows: dict[str, list[dict[str, Any]]] = {}
    left_out: Counter[tuple[str, str]] = Counter()
    for item, pair in asked.pairs:
        try:
            row = asker.row(item.kind, item.config, pair, asked.row, pictures.move, whole)
        except NotAsked as reason:
            left_out[asked.row["dataset"], str(reason)] += 1
            continue
        window = pictures.window(item.kind, pair)
        image = {"bytes": pictures.png(window), "path": f"{pictures.name(window)}.png"}
        rows.setdefault(item.split, []).append({"image": image, **row, "window": window})
    for found in rows.values():
        found.sort(key=lambda row: (row["image"]["path"], row["pair_id"]))
    return _Asked(dict(sorted(rows.items())), len(pictures.made), len(asked.pairs), left_out)


@contextmanager
def _progress(console: Console | None, total: int) -> Iterator[Callable[[int], None]]:
    if console is None or not console.is_terminal:
        yield lambda pairs: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Pairs", total=total)
        yield lambda pairs: progress.advance(task, pairs)
