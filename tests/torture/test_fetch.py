"""The short version of the part `fetch`, and that it would notice."""

import pytest
from fetching import NAME
from torture import fetch

from medvision.pipelines.fetch import run as run_module

pytestmark = pytest.mark.heavy


def test_no_server_gets_anything_wrong_under_its_final_name(tmp_path):
    section = fetch.servers(tmp_path)
    assert section.failures == []
    assert len(section.rows) == len(fetch.FAULTS) + 2
    assert sum(row[1] == "whole" for row in section.rows) >= 15


def test_killed_fetches_leave_nothing_or_all(tmp_path):
    section = fetch.killed(tmp_path, 2, seed=1)
    assert section.failures == []
    assert [row[1] >= 1 and row[2] >= 1 for row in section.rows] == [True, True]


def test_the_detector_notices_a_check_sum_that_is_not_held(tmp_path, monkeypatch):
    monkeypatch.setattr(run_module, "verified", lambda path, remote, first: "0" * 64)
    monkeypatch.setattr(fetch, "FAULTS", tuple(f for f in fetch.FAULTS if f.what in ("none", "a flipped byte")))
    assert any("a flipped byte, check sum known" in failure for failure in fetch.servers(tmp_path).failures)
    assert not (tmp_path / NAME).exists()
