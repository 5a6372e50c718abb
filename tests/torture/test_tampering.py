"""Every way of tampering is found, a quarter of them in the suite; and the table notices one that is not."""

from pathlib import Path

import pytest
from torture.tampering import KINDS, Tampering, release_of, try_all

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release_of(tmp_path_factory.mktemp("tampering"))


def test_there_are_enough_kinds() -> None:
    assert len({(kind.name, kind.sealed) for kind in KINDS}) == len(KINDS) > 50


def test_each_is_found(release: Path, tmp_path: Path) -> None:
    section = try_all(KINDS[1::4], release, tmp_path)
    assert section.failures == []
    assert len(section.rows) == len(KINDS[1::4])


def test_what_is_not_found_is_a_failure(release: Path, tmp_path: Path) -> None:
    harmless = Tampering("nothing", lambda root: None)
    section = try_all((harmless,), release, tmp_path)
    assert section.failures == ["validate does not find nothing"]
