"""Run the pipeline on an engine until it is done: again where a worker of this machine died, watched all along."""

# No `from __future__ import annotations` here: Beam reads the hints of modules that wire steps.

import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam
from apache_beam.runners.runner import PipelineState

from medvision.pipelines.build import build_release
from medvision.pipelines.counters import DEAD, REUSED, SHARDS, read_counters
from medvision.pipelines.lock import PublishLocked
from medvision.pipelines.preflight import Preflight
from medvision.pipelines.progress import watch
from medvision.pipelines.steps import Tables
from medvision.runners.engines import ENGINES
from medvision.runners.launch import Job, Launch
from medvision.runners.workers import is_dead_worker
from medvision.schemas.failures import KEPT, BuildFailed
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import SHARD_STORE
from medvision.transforms.notes import read_progress
from medvision.transforms.store import Store

MAX_TRIES = 16
"""Runs of the pipeline in one build; each but the last ended with a dead worker."""
DIRECT = "direct"
OURS = ("prism", "flink")
"""Engines whose job lives as long as we do: it is cancelled when the user interrupts the build, and submitted again
when a machine or a worker died. Dataflow sees to both by itself."""
SUBMISSIONS = 5
CANCELLED = "JobCancellationException"
FINAL = (CANCELLED, "java.net.ConnectException", "Traceback (most recent call last)")
"""In what an engine says of a job that is not to be submitted again: cancelled, no cluster there, a step that raised.
It says other things, and many, of machines and workers that died."""
POLL_SECONDS = 10.0


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
    with ExitStack() as stack:
        launch = stack.enter_context(ENGINES[engine](job))
        if not launch.local:
            options = replace(options, progress_dir="")
        if engine == DIRECT:
            stack.enter_context(watch(lambda: read_progress(options.progress_dir), expected, console))
            return Execution(_run_until_done(launch, datasets, options))
        return _run_on(engine, launch, datasets, options, expected, console)


def _run_until_done(launch: Launch, datasets: Tables, options: BuildOptions) -> dict[str, int]:
    """Run on this machine; again while workers die with a case in hand, until that case is given up."""
    blamed: set[str] = set()
    for attempt in range(MAX_TRIES):
        try:
            pipeline = beam.Pipeline(options=launch.options)
            build_release(pipeline, datasets, options)
            result = pipeline.run()
            result.wait_until_finish()
            return read_counters(result)
        except PublishLocked:
            raise
        except (RuntimeError, OSError) as error:
            if not is_dead_worker(error):
                raise BuildFailed.because(error) from error
            held = _cases_in_hand(options)
            if held <= blamed or attempt == MAX_TRIES - 1:
                raise BuildFailed(f"a worker process died; {KEPT}") from error
            blamed = held
    raise AssertionError("the last try returned or raised")


def _run_on(
    engine: str, launch: Launch, datasets: Tables, options: BuildOptions, expected: Preflight, console: Any
) -> Execution:
    """Run on an engine that spreads the work; submit again what it gave up for want of a worker."""
    for left in reversed(range(SUBMISSIONS)):
        pipeline = beam.Pipeline(options=launch.options)
        build_release(pipeline, datasets, options, launch.min_ram_bytes)
        started = False
        try:
            result = pipeline.run()
            if launch.deferred:
                return Execution({}, deferred=True)
            started = True
            _wait(engine, launch, result, options, expected, console)
            return Execution(read_counters(result))
        except BuildFailed:
            raise
        except Exception as error:  # each engine has errors of its own, and all of them end the run
            said = str(error)
            if CANCELLED in said:
                raise BuildFailed(f"the job was cancelled; {KEPT}") from error
            if not left or not started or engine not in OURS or any(word in said for word in FINAL):
                raise BuildFailed.because(error) from error
            if console is not None:
                console.print(f"{engine} lost a worker; the job is submitted again: what is finished is kept")
    raise AssertionError("the last submission returned or raised")


def _wait(engine: str, launch: Launch, result: Any, options: BuildOptions, expected: Preflight, console: Any) -> None:
    """Until the job is done, with progress. Raises what the engine raises, or BuildFailed."""
    marks = (lambda: read_progress(options.progress_dir)) if launch.local else _Polled(result).marks
    try:
        with watch(marks, expected, console):
            result.wait_until_finish()
    except KeyboardInterrupt:
        if engine in OURS:
            result.cancel()
        raise
    if result.state != PipelineState.DONE:
        raise BuildFailed(f"the job ended as {result.state}; {KEPT}")


class _Polled:
    """Marks made of an engine's counters, asked for now and then; the last answer stands while none comes."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.last: Counter[str] = Counter()
        self._asked = 0.0
        self._lock = threading.Lock()

    def marks(self) -> Counter[str]:
        with self._lock:
            if time.monotonic() - self._asked >= POLL_SECONDS:
                self._asked = time.monotonic()
                self._ask()
            return self.last

    def _ask(self) -> None:
        try:
            found = read_counters(self.result)
        except Exception:  # noqa: BLE001  # whatever keeps a counter from us must not end the build
            return
        dead = sum(number for name, number in found.items() if name.startswith(DEAD))
        reused = found.get(REUSED, 0)
        self.last = Counter(c=found.get("cases", 0), d=dead, s=found.get(SHARDS, 0) - reused, r=reused)


def _cases_in_hand(options: BuildOptions) -> set[str]:
    """Notes that dead workers of this run left behind."""
    store = Store(options.out)
    return {name for name in store.names(SHARD_STORE) if f"/trying-{options.run_id}-" in name}
