"""docs/quickstart.md does what it says: its blocks are run on miniature archives, and print what stands below them."""

import shutil
from pathlib import Path

import pytest
from pages import DOCS, assert_prints, run_page

TESTS = Path(__file__).parent


@pytest.mark.slow
def test_quickstart_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "tests").symlink_to(TESTS)
    assert run_page(DOCS / "quickstart.md", tmp_path) == 17
    assert (tmp_path / "slice.png").stat().st_size > 1000
    shutil.rmtree(tmp_path / "demo")


@pytest.mark.parametrize("documented", ["one\nthree", "one\n...\ntwo 3", "│ one │", "9/9, 2 cases/s, 7 s"])
def test_documented_lines_that_are_printed_hold(documented: str) -> None:
    assert_prints(documented, "one\ntwo 3\nthree\n9/9, 11.5 cases/s, 120 s\n")


@pytest.mark.parametrize("documented", ["four", "three\none", "two 4", "9/8, 2 cases/s, 7 s"])
def test_documented_lines_that_are_not_printed_fail(documented: str) -> None:
    with pytest.raises(AssertionError, match="not printed"):
        assert_prints(documented, "one\ntwo 3\nthree\n9/9, 11.5 cases/s, 120 s\n")
