"""docs/train.md does what it says, and states the figures that were measured."""

import json
from pathlib import Path

from checkout import ROOT
from pages import DOCS, blocks, run_page
from training_release import Read

PAGE = DOCS / "train.md"


def test_the_page_runs(upstream: Read, bare: Read, training_raw: Path, tmp_path: Path) -> None:
    for name, place in (("release", upstream.root), ("bare", bare.root), ("ROOT", training_raw)):
        (tmp_path / name).symlink_to(place)
    assert run_page(PAGE, tmp_path) == 7


def test_what_is_not_run_is_python() -> None:
    (skipped,) = [block for block in blocks(PAGE.read_text(encoding="utf-8")) if block.skipped]
    assert "DataLoader(train, sampler=sampler" in skipped.text
    compile(skipped.text, "train.md", "exec")


def test_the_figures_are_those_that_were_measured() -> None:
    rows = json.loads((ROOT / "docs/figures/loader.json").read_text())["rows"]
    page = PAGE.read_text(encoding="utf-8")
    for row in rows:
        assert f"| {row['samples/s']:.0f} |" in page, row
