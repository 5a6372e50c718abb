"""Run a build from this process: checks before, an engine for the work, the finished manifest after."""

import shutil
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from medvision.pipelines.memory import largest_case_bytes
from medvision.pipelines.preflight import check_build, present_datasets
from medvision.pipelines.standing import peek_manifest
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import ALL, find_dataset
from medvision.transforms.store import Store


@dataclass(frozen=True)
class BuildResult:
    """What became of a build.

    Attributes:
        manifest: Of the release; None where only the file of a job was written, which another program starts.
        counters: The engine's, by name: docs/running.md lists them.
        seconds: From the first check to the last file.
    """

    manifest: dict[str, Any] | None
    counters: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def run_build(
    options: BuildOptions,
    workers: int = 1,
    beam_args: Sequence[str] = (),
    console: Any = None,
    engine: str = "direct",
) -> BuildResult:
    """Build a release.

    Args:
        options: The build; `run_id` and `progress_dir` are filled in here.
        workers: Processes that build at a time; the most of them, for an engine that scales by itself.
        beam_args: Further Beam options.
        console: rich Console for progress, or None for silence.
        engine: Key of `medvision.runners.engines.ENGINES`.

    Raises:
        PreflightError: Raw data or space is missing, or the folder holds another release.
        BuildFailed: A worker died, or the environment failed (disk, network, memory); a later build goes on.
        PublishLocked: Another build is publishing into the folder.
        ValueError: A dataset or a Beam option that does not exist, or one that the engine needs and lacks.
    """
    from medvision.pipelines.execute import execute
    from medvision.runners.launch import Job, check_beam_args

    start = time.monotonic()
    names = present_datasets(options.raw) if options.datasets == (ALL,) else options.datasets
    by_name = {dataset.name: dataset for dataset in map(find_dataset, names)}
    withheld = () if options.images == "none" else tuple(sorted(set(options.annotations_only) & set(by_name)))
    options = replace(options, datasets=tuple(sorted(by_name)), annotations_only=withheld)
    datasets = tuple(by_name[name] for name in options.datasets)
    check_beam_args(beam_args)
    expected = check_build(datasets, options)
    job = Job(
        workers=workers,
        beam_args=tuple(beam_args),
        places=tuple(place for place in (options.raw, options.splits_from, options.out) if place),
        labels={"medvision": options.rules, "datasets": "_".join(options.datasets)},
        case_bytes=lambda: largest_case_bytes(expected.largest, options.raw),
    )
    progress_dir = tempfile.mkdtemp(prefix="medvision-")
    try:
        options = replace(options, run_id=uuid.uuid4().hex[:12], progress_dir=progress_dir)
        done = execute(engine, job, datasets, options, expected, console)
    finally:
        shutil.rmtree(progress_dir, ignore_errors=True)
    if done.deferred:
        return BuildResult(None)
    manifest = peek_manifest(Store(options.out))
    assert manifest is not None, "the last step wrote it"
    return BuildResult(manifest, done.counters, time.monotonic() - start)
