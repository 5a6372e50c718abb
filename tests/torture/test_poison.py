"""A hang in native code, the hardest of the poisons of `make torture`, and that a poison at large would be seen."""

from dataclasses import replace
from pathlib import Path

import pytest
from torture import isolation, poison
from torture.poison import Poisoned, broken

CASES = {"case_00001", "case_00002", "case_00003"}
GOOD = Poisoned(
    ways={"case_00001": "native hang", "case_00002": "slow"},
    code=1,
    text="",
    unbuilt={"case_00001"},
    complete=False,
    built={"case_00002", "case_00003"},
    dead={"case_00001": "unbuilt"},
    tries={"case_00001": 2, "case_00002": 1},
)


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_a_native_hang_is_given_up_and_all_others_are_built() -> None:
    section = poison.run_poison([("native hang",)], poison.random.Random(1), again=False)
    assert section.failures == []
    assert [(row[1], row[2], row[3], row[5], row[6]) for row in section.rows] == [(1, 1, 2, poison.CASES - 1, 1)]


@pytest.mark.heavy
@pytest.mark.timeout(method="thread")  # the guard has the timer of the other method
def test_the_isolation_is_measured() -> None:
    section = isolation.run_isolation(0.1)
    assert section.failures == []
    assert [row[:3] for row in section.rows] == [("tiny", 720, 2)]


def test_a_good_end_breaks_nothing() -> None:
    assert broken(GOOD, CASES) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"code": 0}, "exit code 0"),
        ({"unbuilt": set()}, "unbuilt: []"),
        ({"unbuilt": {"case_00001", "case_00002"}}, "unbuilt: ['case_00001', 'case_00002']"),
        ({"complete": True}, "complete: True"),
        ({"built": {"case_00003"}}, "built: ['case_00003']"),
        ({"dead": {"case_00001": "bad_gzip"}}, "bad_gzip"),
        ({"tries": {"case_00001": 3}}, "tries: {'case_00001': 3}"),
        ({"text": "Traceback (most recent call last)"}, "a traceback"),
    ],
)
def test_a_broken_promise_is_seen(change: dict[str, object], said: str) -> None:
    found = broken(replace(GOOD, **change), CASES)  # type: ignore[arg-type]
    assert len(found) == 1
    assert said in found[0]


def test_an_isolation_that_costs_too_much_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_write_cases", lambda *_: None)
    for more, failures in ((0.002, 0), (0.004, 1)):
        monkeypatch.setattr(isolation, "_measure", lambda *_, more=more: ([0.1], [0.1 + more]))
        assert len(isolation.run_isolation(1).failures) == failures


def test_every_way_has_a_name() -> None:
    ways = {way for build in poison.BUILDS for way in build}
    assert ways == set(poison.NAMES)
    assert Path(poison.CONSOLE_SCRIPT).name == "medvision"
