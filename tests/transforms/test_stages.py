"""Time is booked to the innermost stage, of this thread only."""

import threading
from collections.abc import Iterator

import pytest

from medvision.transforms import stages
from medvision.transforms.stages import stage, staged, take_seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock that goes when the test says so."""
    take_seconds()
    now = [100.0]
    monkeypatch.setattr(stages.time, "perf_counter", lambda: now[0])
    yield now
    take_seconds()


def test_an_inner_stage_is_no_part_of_the_outer_one(clock):
    clock[0] += 1  # nobody's
    with stage("write"):
        clock[0] += 2
        with stage("read"):
            clock[0] += 4
        clock[0] += 8
    clock[0] += 16
    assert take_seconds() == {"read": 4, "write": 10}
    assert take_seconds() == {}


def test_an_error_ends_a_stage(clock):
    def fail():
        clock[0] += 1
        raise KeyError

    with pytest.raises(KeyError), stage("write"), stage("read"):
        fail()
    clock[0] += 5
    with stage("write"):
        clock[0] += 2
    assert take_seconds() == {"read": 1, "write": 2}


def test_items_are_timed_while_they_are_made(clock):
    def items():
        for item in range(3):
            clock[0] += 10
            yield item
        clock[0] += 1

    seen = []
    with stage("write"):
        for item in staged("encode", items()):
            clock[0] += 0.5
            seen.append(item)
    assert seen == [0, 1, 2]
    assert take_seconds() == {"encode": 31, "write": 1.5}


def test_threads_have_clocks_of_their_own(clock):
    def other():
        with stage("read"):
            clock[0] += 3

    with stage("write"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert take_seconds() == {"write": 3}
