"""What becomes of runs that fail, by what an engine says of them; no engine runs here."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineState

from medvision.pipelines import execute as execute_module
from medvision.pipelines.counters import PolledMarks
from medvision.pipelines.execute import MAX_TRIES, execute
from medvision.pipelines.lock import LOCK, PublishLock, PublishLocked
from medvision.pipelines.preflight import Preflight
from medvision.runners.launch import Job, Launch
from medvision.runners.portable import SPARE_TRIES, is_lost_job
from medvision.schemas.failures import BuildFailed
from medvision.schemas.options import BuildOptions
from medvision.transforms.notes import CaseNotes
from medvision.transforms.store import Store

RUN_ID = "a1b2c3"
LOST = "Pipeline x failed in state FAILED: java.lang.IllegalStateException: SDK harness closed connection"


class Result:
    """Of one run: ends as it is told."""

    def __init__(self, end: Any) -> None:
        self.end, self.cancelled = end, False
        self.state = end if isinstance(end, str) else PipelineState.FAILED

    def wait_until_finish(self) -> None:
        if isinstance(self.end, BaseException):
            raise self.end

    def cancel(self) -> None:
        self.cancelled = True

    def metrics(self) -> Any:
        return self

    def query(self, _: Any) -> dict[str, list[Any]]:
        return {"counters": []}


class Engine:
    """An engine whose runs end, one after the other, as `ends` says; `submitted` holds their results."""

    def __init__(self, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.options = BuildOptions(raw="raw", out=str(out), datasets=(), run_id=RUN_ID, progress_dir=str(out))
        self.submitted: list[Result] = []
        self.ends: Iterator[Any] = iter(())
        self.before_run: Callable[[int], None] = lambda number: None
        self.launch = Launch(PipelineOptions([]), local=True, lost=is_lost_job, spare_tries=SPARE_TRIES)

        @contextmanager
        def launch(job: Job) -> Iterator[Launch]:
            yield self.launch

        monkeypatch.setitem(execute_module.ENGINES, "told", launch)
        monkeypatch.setattr(execute_module, "build_release", lambda *_: None)
        monkeypatch.setattr(execute_module.beam.Pipeline, "run", lambda _: self.run())

    def run(self) -> Result:
        self.before_run(len(self.submitted))
        end = next(self.ends)
        self.submitted.append(Result(end))
        return self.submitted[-1]

    def build(self, *ends: Any) -> Any:
        self.ends = iter(ends)
        return execute("told", Job(1), (), self.options, Preflight(0, 0, 0), None)

    def locks(self) -> bool:
        return (Path(self.options.out) / LOCK).exists()


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine(tmp_path / "out", monkeypatch)
    PublishLock(Store(engine.options.out), RUN_ID).take()
    return engine


def test_a_lost_run_is_made_again_and_not_for_ever(engine: Engine) -> None:
    engine.build(*[RuntimeError(LOST)] * SPARE_TRIES, PipelineState.DONE)
    assert len(engine.submitted) == SPARE_TRIES + 1
    assert not engine.locks()
    engine.submitted.clear()
    with pytest.raises(BuildFailed, match="a worker process died; what is finished is kept"):
        engine.build(*[RuntimeError(LOST)] * MAX_TRIES)
    assert len(engine.submitted) == SPARE_TRIES + 1


def test_deaths_with_other_cases_in_hand_cost_no_spare_try(engine: Engine) -> None:
    def hold(number: int) -> None:
        CaseNotes(Store(engine.options.out), "k" * 32, RUN_ID, f"attempt{number}").hold("case")

    engine.before_run = hold
    engine.build(*[RuntimeError(LOST)] * (MAX_TRIES - 1), PipelineState.DONE)
    with pytest.raises(BuildFailed, match="a worker process died"):
        engine.build(*[RuntimeError(LOST)] * (MAX_TRIES + 1))


def test_a_large_build_may_give_up_one_case_in_fifty(engine: Engine) -> None:
    def hold(number: int) -> None:
        CaseNotes(Store(engine.options.out), "k" * 32, RUN_ID, f"attempt{number}").hold(f"case{number}")

    engine.before_run = hold
    engine.ends = iter([*[RuntimeError(LOST)] * 39, PipelineState.DONE])
    execute("told", Job(1), (), engine.options, Preflight(1000, 0, 0), None)
    engine.ends = iter([RuntimeError(LOST)] * 41)
    with pytest.raises(BuildFailed, match="a worker process died with case79 in hand"):
        execute("told", Job(1), (), engine.options, Preflight(1000, 0, 0), None)


@pytest.mark.parametrize("isolated", [True, False])
def test_only_workers_apart_may_be_ended(engine: Engine, monkeypatch: pytest.MonkeyPatch, isolated: bool) -> None:
    seen: list[BuildOptions] = []
    monkeypatch.setattr(execute_module, "build_release", lambda _, __, options, ___: seen.append(options))
    engine.launch = Launch(PipelineOptions([]), local=False, isolated=isolated)
    engine.build(PipelineState.DONE)
    assert [(options.isolated, options.progress_dir) for options in seen] == [(isolated, "")]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Pipeline x failed in state FAILED: ...JobCancellationException: Job was cancelled.", "the job was cancelled"),
        ("Pipeline x failed in state FAILED: java.net.ConnectException: Connection refused", "Connection refused"),
        ("Pipeline x failed in state FAILED: Traceback (most recent call last):\n  KeyError: 3", "KeyError: 3"),
        ("Unable to fetch remote job server jar", "stopped by Unable to fetch remote job server jar; what is"),
    ],
)
def test_what_would_fail_again_is_not_made_again(engine: Engine, said: str, meant: str) -> None:
    with pytest.raises(BuildFailed, match=meant):
        engine.build(RuntimeError(said))
    assert not engine.locks()


def test_the_lock_of_another_build_is_told_as_such(engine: Engine) -> None:
    """Engines hand on the text of an error, and what they were at."""
    lines = ["Traceback (most recent call last):", "medvision.pipelines.lock.PublishLocked: another build is"]
    lines[-1] += " publishing into gs://b/out; wait for it [while running 'Publish/Take lock']"
    with pytest.raises(PublishLocked, match=r"^another build is publishing into gs://b/out; wait for it$"):
        engine.build(RuntimeError("\n".join(lines)))


def test_a_mistake_of_whoever_asked_stays_what_it_is(engine: Engine) -> None:
    with pytest.raises(ValueError, match="no such plan"):
        engine.build(ValueError("no such plan"))


def test_an_error_without_a_text_is_told_by_its_name(engine: Engine) -> None:
    with pytest.raises(BuildFailed, match="stopped by FileNotFoundError: gs://b/x; what is"):
        engine.build(FileNotFoundError("gs://b/x"))
    with pytest.raises(BuildFailed, match="stopped by MemoryError; what is"):
        engine.build(MemoryError())


def test_another_end_than_done_is_a_failure(engine: Engine) -> None:
    with pytest.raises(BuildFailed, match="the job ended as UPDATED"):
        engine.build(PipelineState.UPDATED)


def test_an_interrupted_wait_cancels_the_job_unless_it_outlives_us(engine: Engine) -> None:
    with pytest.raises(KeyboardInterrupt):
        engine.build(KeyboardInterrupt())
    assert engine.submitted[-1].cancelled
    assert not engine.locks()
    PublishLock(Store(engine.options.out), RUN_ID).take()
    engine.launch = Launch(PipelineOptions([]), local=False, failures=(Exception,), outlives_us=True)
    for end in (KeyboardInterrupt(), ConnectionError("no answer from the service")):
        engine.before_run = lambda number: None
        with pytest.raises((KeyboardInterrupt, BuildFailed)):
            running(engine, end)
        assert not engine.submitted[-1].cancelled
        assert engine.locks(), "the job goes on, and may be publishing"
    with pytest.raises(BuildFailed, match="out of quota"):
        engine.build(RuntimeError("out of quota"))
    assert not engine.locks(), "a job that failed publishes nothing any more"


def running(engine: Engine, end: BaseException) -> None:
    """Build with a job that still runs when the wait for it ends."""
    result = Result(end)
    result.state = PipelineState.RUNNING
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "run", lambda: engine.submitted.append(result) or result)
        engine.build()


def test_a_deferred_launch_neither_waits_nor_unlocks(engine: Engine) -> None:
    engine.launch = Launch(PipelineOptions([]), local=False, deferred=True)
    assert engine.build(RuntimeError("never waited for")).deferred
    assert engine.locks()


def test_marks_stand_while_an_engine_does_not_answer() -> None:
    class Silent:
        def metrics(self) -> Any:
            raise ConnectionError

    assert PolledMarks(lambda: None)() == {}
    assert PolledMarks(Silent)() == {}
