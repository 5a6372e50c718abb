"""Counters of a build, on every engine: made where the work is done, read from the engine's result."""

# No `from __future__ import annotations` here: Beam reads the hints of modules that wire steps.

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from apache_beam.metrics.metric import Metrics, MetricsFilter

from medvision.schemas.faults import DeadLetter
from medvision.schemas.record import PublishedFile, ShardRecord
from medvision.transforms.stages import take_seconds

NAMESPACE = "medvision"
SHARDS, REUSED = "shards", "shards_reused"
STAGE = "ms."
"""Milliseconds of all workers together in a stage: `ms.read`, `ms.encode`, ..."""
DEAD = "dead."
"""Dead letters by reason code: `dead.shape_mismatch`, ..."""
POLL_SECONDS = 10.0


def count(name: str, by: int = 1) -> None:
    """Add to a counter of the step that runs."""
    Metrics.counter(NAMESPACE, name).inc(by)


def count_shard(record: ShardRecord) -> None:
    """A shard is done: its cases, slices, annotations, dead letters and bytes; whether it stood already."""
    count(SHARDS)
    if record.reused:
        count(REUSED)
    for name, number in record.counts.items():
        count(name, number)
    count("bytes", sum(file.bytes for file in record.files))
    count_seconds()


def count_letters(letters: Iterable[DeadLetter]) -> None:
    """Dead letters from before the shards."""
    for letter in letters:
        count(f"{DEAD}{letter.reason}")


def count_pairs(kind: str, files: Iterable[PublishedFile]) -> None:
    """Pairs of one annotation kind."""
    count(f"pairs.{kind}", sum(file.rows for file in files))


def count_seconds() -> None:
    """What this thread spent in each stage since it was asked last."""
    for name, seconds in take_seconds().items():
        count(f"{STAGE}{name}", round(seconds * 1000))


def read_counters(result: Any) -> dict[str, int]:
    """Counters by name, summed over steps; none where the engine has not told any yet.

    An engine that ran a piece of work twice, after a worker died, may have counted it twice: the manifest counts what
    the release holds.
    """
    total: dict[str, int] = {}
    for metric in result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]:
        total[metric.key.metric.name] = total.get(metric.key.metric.name, 0) + int(metric.result or 0)
    return dict(sorted(total.items()))


class PolledMarks:
    """Marks of progress made of an engine's counters, asked for now and then; the last answer stands meanwhile.

    Args:
        result: Gives the result of the pipeline that runs, None where none does.
    """

    def __init__(self, result: Callable[[], Any]) -> None:
        self.result = result
        self._last: Counter[str] = Counter()
        self._asked = float("-inf")

    def __call__(self) -> Counter[str]:
        result = self.result()
        if result is not None and time.monotonic() - self._asked >= POLL_SECONDS:
            self._asked = time.monotonic()
            self._ask(result)
        return self._last

    def _ask(self, result: Any) -> None:
        try:
            found = read_counters(result)
        except Exception:  # noqa: BLE001  # whatever keeps a counter from us must not end the build
            return
        dead = sum(number for name, number in found.items() if name.startswith(DEAD))
        reused = found.get(REUSED, 0)
        self._last = Counter(c=found.get("cases", 0), d=dead, s=found.get(SHARDS, 0) - reused, r=reused)


def stage_seconds(counters: Mapping[str, int]) -> dict[str, float]:
    """Seconds of all workers together by stage, the longest first."""
    stages = {name.removeprefix(STAGE): ms / 1000 for name, ms in counters.items() if name.startswith(STAGE)}
    return dict(sorted(stages.items(), key=lambda item: (-item[1], item[0])))
