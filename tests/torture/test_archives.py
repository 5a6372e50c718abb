"""The short version of the part `archives`, and that it would notice."""

import pytest
from hostile_archives import FORMATS, GOOD_ENTRIES, write
from torture import archives

from medvision.pipelines.fetch.unpack import guard, run

pytestmark = pytest.mark.heavy


def test_every_hostile_archive_is_refused_by_name(tmp_path):
    section = archives.hostile_members(tmp_path)
    assert section.failures == []
    assert len(section.rows) >= 60
    assert sum(cell != "" for row in section.rows for cell in row[1:]) >= 240


def test_damaged_archives_are_refused_or_come_out_whole(tmp_path):
    section = archives.mutants(tmp_path, 40, seed=7)
    assert section.failures == []
    assert [row[:2] for row in section.rows] == [(form, 40) for form in FORMATS]
    assert all(row[2] + row[3] + row[4] == 40 for row in section.rows)


def test_the_detector_notices_a_missing_rule(tmp_path, monkeypatch):
    monkeypatch.setattr(guard, "safe_parts", lambda name: tuple(name.strip("/").split("/")))
    monkeypatch.setattr(archives, "HOSTILE", archives.HOSTILE[:2])
    failures = archives.hostile_members(tmp_path).failures
    assert any("dots: ../evil in zip: something outside of the folder has changed" in failure for failure in failures)


def test_the_arena_notices_a_file_outside(tmp_path, monkeypatch):
    arena = archives.Arena(tmp_path)
    archive = write("zip", GOOD_ENTRIES, tmp_path / "archive")
    real = run.unpack

    def leaky(path, target):
        (target.parent.parent / "evil").write_bytes(b"out")
        return real(path, target)

    monkeypatch.setattr(archives, "unpack", leaky)
    with pytest.raises(AssertionError, match="outside of the folder"):
        arena.attempt(archive)
