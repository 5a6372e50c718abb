"""Run the pipeline on an engine until it is done: again where a worker died, watched all along."""

# No `from __future__ import annotations` here: Beam reads the hints of modules that wire steps.

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.runners.runner import PipelineState

from medvision.pipelines.build import build_release
from medvision.pipelines.counters import PolledMarks, read_counters
from medvision.pipelines.lock import PublishLock, PublishLocked
from medvision.pipelines.preflight import Preflight
from medvision.pipelines.progress import watch
from medvision.pipelines.steps import Tables
from medvision.runners.engines import ENGINES
from medvision.runners.launch import Job, Launch
from medvision.schemas.failures import KEPT, BuildFailed, StorageError
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import SHARD_STORE
from medvision.transforms.notes import read_progress
from medvision.transforms.store import Store

MAX_TRIES = 16
"""Runs of the pipeline in one build; each but the last lost a worker."""
CANCELLED = "JobCancellationException"
LOCKED = re.compile(r"PublishLocked: (.*?)(?: \[while running|$)", re.MULTILINE)
"""How the lock's error looks in what an engine hands on as text."""


@dataclass(frozen=True)
class Execution:
    """How a run ended: the engine's counters, and whether only the file of a job was written."""

    counters: dict[str, int]
    deferred: bool = False


def execute(
    engine: str, job: Job, datasets: Tables, options: BuildOptions, expected: Preflight, console: Any
) -> Execution:
    """Run a build's pipeline on an engine.

    Args:
        options: With `progress_dir`; engines whose workers are elsewhere do without.
        console: rich Console for progress, or None for silence.

    Raises:
        ValueError: The engine lacks an option or a program.
        BuildFailed: The engine gave the job up.
        PublishLocked: Another build is publishing into the folder.
    """
    with ENGINES[engine](job) as launch:
        run = _Run(launch, datasets, options if launch.local else replace(options, progress_dir=""), console)
        if launch.deferred:
            run.once()
            return Execution({}, deferred=True)
        try:
            with watch(run.marks, expected, console):
                run.until_done()
        finally:
            run.let_go()
        return Execution(read_counters(run.result))


class _Run:
    """A build's pipeline on its way; `result` is that of its last run."""

    def __init__(self, launch: Launch, datasets: Tables, options: BuildOptions, console: Any) -> None:
        self.launch, self.datasets, self.options, self.console = launch, datasets, options, console
        self.result: Any = None
        self.marks: Callable[[], Counter[str]] = PolledMarks(lambda: self.result)
        if launch.local:
            self.marks = partial(read_progress, options.progress_dir)

    def once(self) -> None:
        """Start the pipeline; an engine of this process has run it then."""
        pipeline = beam.Pipeline(options=self.launch.options)
        build_release(pipeline, self.datasets, self.options, self.launch.min_ram_bytes)
        self.result = None
        self.result = pipeline.run()

    def until_done(self) -> None:
        """Run; again while workers die, until the case that kills them is given up, or there is no use."""
        blamed: set[str] = set()
        spare = self.launch.spare_tries
        for left in reversed(range(MAX_TRIES)):
            try:
                self.once()
                self.result.wait_until_finish()
                if self.result.state != PipelineState.DONE:
                    raise RuntimeError(f"the job ended as {self.result.state}")
                return
            except PublishLocked:
                raise
            except KeyboardInterrupt:
                if self.result is not None and not self.launch.outlives_us:
                    self.result.cancel()
                raise
            except self.launch.failures as error:
                if not self.launch.lost(error):
                    raise _meaning(error) from error
                held = _cases_in_hand(self.options)
                if held <= blamed:
                    spare -= 1
                if spare < 0 or not left:
                    raise BuildFailed(f"a worker process died; {KEPT}") from error
                blamed |= held
            if self.console is not None:
                self.console.print("a worker died; what is finished is kept, the rest runs again")

    def let_go(self) -> None:
        """Release the lock, unless the job may be publishing still."""
        if self.launch.outlives_us and not (self.result is None or PipelineState.is_terminal(self.result.state)):
            return
        with suppress(StorageError):  # a store that ended the build must not speak twice
            PublishLock(Store(self.options.out), self.options.run_id).release()


def _meaning(error: Exception) -> Exception:
    """What a run's failure is to the user."""
    said = str(error)
    if found := LOCKED.search(said):
        return PublishLocked(found[1])
    if CANCELLED in said:
        return BuildFailed(f"the job was cancelled; {KEPT}")
    return BuildFailed.because(error)


def _cases_in_hand(options: BuildOptions) -> set[str]:
    """Notes that dead workers of this run left behind."""
    store = Store(options.out)
    return {name for name in store.names(SHARD_STORE) if f"/trying-{options.run_id}-" in name}
