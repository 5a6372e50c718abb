"""A few of the publishes of `make torture`, and that an unsafe one would be seen."""

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from torture import pairs, rules
from torture.pairs import clear
from torture.rules import REFUSED, RULES, SAFE, Made, Rule
from torture.scene import Scene, write_scenes
from torture.warm import Ended, warm_pool

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

SHORT = ("by older code over an interrupted publish", "into a folder of somebody's files")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Scene]:
    return write_scenes(tmp_path_factory.mktemp("publishing"))


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with warm_pool(1) as pool:
        yield pool


def test_some_rules(scenes: tuple[Scene, Scene], pool: ProcessPoolExecutor) -> None:
    section = rules.run_rules(pool, scenes[0], [rule for rule in RULES if rule.case in SHORT])
    assert section.failures == []
    assert [(row[0], row[1]) for row in section.rows] == [(name, REFUSED) for name in SHORT]


def test_two_builds_at_once(scenes: tuple[Scene, Scene], pool: ProcessPoolExecutor) -> None:
    section = pairs.run_pairs(pool, scenes, 1, random.Random(1))
    assert section.failures == []
    assert [row[1] for row in section.rows] == [1]


@pytest.mark.parametrize(
    ("rule", "ended", "writes", "seen"),
    [
        (Rule("x", REFUSED, says="why"), Ended(2, "medvision build: why"), "", ""),
        (Rule("x", REFUSED, says="why"), Ended(2, "medvision build: why"), "new", "the folder changed"),
        (Rule("x", REFUSED, says="why"), Ended(2, "medvision build: because"), "", "ended with 2"),
        (Rule("x", REFUSED, says="why"), Ended(1, "medvision build: why"), "", "ended with 1"),
        (Rule("x", REFUSED), Ended(0), "", "ended with 0"),
        (Rule("x", SAFE), Ended(0), "", ""),
        (Rule("x", SAFE), Ended(0), "new", "made another release"),
    ],
)
def test_an_unsafe_publish_is_seen(
    rule: Rule, ended: Ended, writes: str, seen: str, scenes: tuple[Scene, Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(_: Made, scene: Scene, out: Path, log: Path) -> Ended:
        if writes:
            (out / writes).write_text("")
        return ended

    monkeypatch.setattr(rules, "RULES", (rule,))
    monkeypatch.setattr(rules, "run_made", made)
    broken = rules.try_rule(0, scenes[0]).broken
    assert len(broken) == bool(seen)
    assert seen in "".join(broken)


@pytest.mark.parametrize(
    ("text", "is_clear"),
    [
        ("medvision build: another build is publishing into OUT", True),
        ("medvision build: stopped by FileNotFoundError: OUT/.shards/x", False),
        ("Traceback (most recent call last)\nmedvision build: another build", False),
    ],
)
def test_an_unclear_refusal_is_seen(text: str, is_clear: bool) -> None:
    assert (clear(Ended(2, text)) == []) is is_clear
