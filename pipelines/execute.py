"""Run the pipeline on an engine until it is done: again where a worker died, watched all along."""

# No `from __future__ import annotations` here: Beam reads the hints of modules that wire steps.

import re
from collections import Counter
from collections.abc import Callable, Container
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
from medvision.runners.workers import WorkerDied
from medvision.schemas.failures import KEPT, BuildFailed, StorageError
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import SHARD_STORE
from medvision.transforms.notes import MAX_DEATHS, read_note, read_progress
from medvision.transforms.store import Store

MAX_TRIES, POISON_SHARE = 16, 50
"""Runs of the pipeline in one build, each but the last of which lost a worker: this many, or in a large build as many
as give up one case in 50. Where more would die, something else is wrong than a case."""
CANCELLED = "JobCancellationException"
RUNNING = " [while running"
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
        options = replace(options, isolated=launch.isolated, progress_dir=options.progress_dir if launch.local else "")
        run = _Run(launch, datasets, options, expected.cases, console)
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

    def __init__(self, launch: Launch, datasets: Tables, options: BuildOptions, cases: int, console: Any) -> None:
        self.launch, self.datasets, self.options, self.console = launch, datasets, options, console
        self.tries = max(MAX_TRIES, MAX_DEATHS * cases // POISON_SHARE)
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
        blamed: dict[str, str] = {}
        spare = self.launch.spare_tries
        for left in reversed(range(self.tries)):
            try:
                self.once()
                self.result.wait_until_finish()
                if self.result.state != PipelineState.DONE:
                    raise RuntimeError(f"the job ended as {self.result.state}")
                return
            except PublishLocked as error:
                raise PublishLocked(str(error).partition(RUNNING)[0]) from error
            except KeyboardInterrupt:
                if self.result is not None and not self.launch.outlives_us:
                    self.result.cancel()
                raise
            except self.launch.failures as error:
                if not self.launch.lost(error):
                    raise _meaning(error) from error
                held = _cases_in_hand(self.options, blamed)
                cases = ", ".join(sorted({case_id for case_id in held.values() if case_id}))
                died = f"{_how(error)}{f' with {cases} in hand' if cases else ''}"
                if not held:
                    spare -= 1
                if spare < 0 or not left:
                    raise BuildFailed(f"{died}; {KEPT}") from error
                blamed |= held
            if self.console is not None:
                self.console.print(f"{died}; what is finished is kept, the rest runs again", markup=False)

    def let_go(self) -> None:
        """Release the lock, unless the job may be publishing still."""
        if self.launch.outlives_us and not (self.result is None or PipelineState.is_terminal(self.result.state)):
            return
        with suppress(StorageError):  # a store that ended the build must not speak twice
            PublishLock(Store(self.options.out), self.options.run_id).release()


def _how(error: Exception) -> str:
    """What a lost run's failure says of the death of its worker."""
    return str(error) if isinstance(error, WorkerDied) else "a worker process died"


def _meaning(error: Exception) -> Exception:
    """What a run's failure is to the user."""
    said = str(error)
    if found := LOCKED.search(said):
        return PublishLocked(found[1])
    if CANCELLED in said:
        return BuildFailed(f"the job was cancelled; {KEPT}")
    return BuildFailed.because(error)


def _cases_in_hand(options: BuildOptions, known: Container[str]) -> dict[str, str]:
    """Notes that dead workers of this run left behind, but for the known ones, and the case that each tells of."""
    store = Store(options.out)
    notes = [name for name in store.names(SHARD_STORE) if f"/trying-{options.run_id}-" in name]
    return {name: read_note(store, name) for name in notes if name not in known}
