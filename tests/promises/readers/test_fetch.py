"""What cannot be had is noted with the reason, never fatal; what stands by its lock is not fetched again."""

from pathlib import Path

import pytest
from promises.readers import fetch


@pytest.fixture
def locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "locks"
    folder.mkdir()
    monkeypatch.setattr(fetch, "LOCKS", folder)
    return folder


def test_a_package_that_is_nowhere(locks: Path, tmp_path: Path) -> None:
    (locks / "none.lock").write_text("medvision-no-such-package==0.0.1\n")
    why = fetch.fetch("none", tmp_path / "readers")
    assert "medvision-no-such-package" in why
    assert (tmp_path / "readers/none.missing").read_text() == f"none: {why}\n"
    assert [path.name for path in (tmp_path / "readers").iterdir()] == ["none.missing"]


def test_too_little_disk(locks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (locks / "big.lock").write_text("pip==1.0\n")
    monkeypatch.setitem(fetch.GB, "big", 10**9)
    assert "needs 1000000000 GB" in fetch.fetch("big", tmp_path / "readers")


def test_what_stands_is_left_alone_until_its_lock_changes(
    locks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = []

    def install(lock: Path, target: Path) -> None:
        installed.append(lock.read_text())
        target.mkdir()

    monkeypatch.setattr(fetch, "_install", install)
    for pins in ("a==1\n", "a==1\n", "a==2\n"):
        (locks / "one.lock").write_text(pins)
        assert fetch.fetch("one", tmp_path / "readers") == ""
    assert installed == ["a==1\n", "a==2\n"]
    assert sorted(path.name for path in (tmp_path / "readers").iterdir()) == ["one", "one.lock"]
