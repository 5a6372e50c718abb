"""Run a build from this process: checks before, progress while, a second try for a worker that died."""

import shutil
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from medvision.pipelines.failure import BuildFailed
from medvision.pipelines.lock import PublishLock, PublishLocked
from medvision.pipelines.preflight import check_build, peek_manifest, present_datasets
from medvision.pipelines.progress import watch
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import SHARD_STORE
from medvision.sources.registry import find_dataset
from medvision.transforms.store import Store

ALL = "all"
"""In place of dataset names: every one that has a folder in the raw root."""
MAX_TRIES = 16
"""Runs of the pipeline in one build; each but the last ended with a dead worker."""


def run_build(
    options: BuildOptions, workers: int = 1, beam_args: Sequence[str] = (), console: Any = None
) -> dict[str, Any]:
    """Build a release and return its manifest.

    Args:
        options: The build; `run_id` and `progress_dir` are filled in here.
        workers: Worker processes on this machine.
        beam_args: Further Beam options.
        console: rich Console for progress, or None for silence.

    Raises:
        PreflightError: Raw data or space is missing, or the folder holds another release.
        BuildFailed: A worker died, or the environment failed (disk, network, memory); a later build goes on.
        PublishLocked: Another build is publishing into the folder.
        ValueError: A dataset or a Beam option that does not exist.
    """
    from medvision.runners.direct import check_beam_args

    names = present_datasets(options.raw) if options.datasets == (ALL,) else options.datasets
    by_name = {dataset.name: dataset for dataset in map(find_dataset, names)}
    options = replace(options, datasets=tuple(sorted(by_name)))
    datasets = tuple(by_name[name] for name in options.datasets)
    check_beam_args(beam_args)
    expected = check_build(datasets, options)
    progress_dir = tempfile.mkdtemp(prefix="medvision-")
    try:
        options = replace(options, run_id=uuid.uuid4().hex[:12], progress_dir=progress_dir)
        with watch(progress_dir, expected, console):
            _run_until_done(datasets, options, workers, beam_args)
    finally:
        shutil.rmtree(progress_dir, ignore_errors=True)
        PublishLock(Store(options.out), options.run_id).release()
    manifest = peek_manifest(Store(options.out))
    assert manifest is not None, "the last step wrote it"
    return manifest


def _run_until_done(datasets: Any, options: BuildOptions, workers: int, beam_args: Sequence[str]) -> None:
    """Run the pipeline; run it again while workers die with a case in hand, until that case is given up."""
    import apache_beam as beam

    from medvision.pipelines.build import build_release
    from medvision.runners.direct import direct_options
    from medvision.runners.workers import is_dead_worker

    blamed: set[str] = set()
    for attempt in range(MAX_TRIES):
        try:
            with beam.Pipeline(options=direct_options(workers, beam_args)) as pipeline:
                build_release(pipeline, datasets, options)
            return
        except PublishLocked:
            raise
        except (RuntimeError, OSError) as error:
            held = _cases_in_hand(options)
            if not is_dead_worker(error):
                raise BuildFailed.because(error) from error
            if held <= blamed or attempt == MAX_TRIES - 1:
                raise BuildFailed(
                    "a worker process died; what is finished is kept: run the same build again"
                ) from error
            blamed = held


def _cases_in_hand(options: BuildOptions) -> set[str]:
    """Notes that dead workers of this run left behind."""
    store = Store(options.out)
    return {name for name in store.names(SHARD_STORE) if f"/trying-{options.run_id}-" in name}
