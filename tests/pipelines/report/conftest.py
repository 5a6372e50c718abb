"""A release whose every name would be a script if a page let it."""

from pathlib import Path

import pytest
from report_page import SCRIPTS
from tiny_release import TinyRelease

from medvision.pipelines.report.run import write_report


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a tiny release with such names of labels, cases, modalities and flags; not to be changed."""
    tiny = TinyRelease.correct()
    for number, row in enumerate(row for rows in tiny.shards.values() for row in rows):
        text = SCRIPTS[number % len(SCRIPTS)]
        row |= {"modality": text, "flags": [text], "patient": text, "intensity_clipped": 3}
        for segment in row["segments"]:
            segment["name"] = f"{segment['label']} {text}"
        for lesion in row["lesions"]:
            lesion |= {"name": f"{lesion['label']} {text}", "flags": [text]}
    for rows in tiny.pairs.values():
        for number, pair in enumerate(rows):
            pair["label_name"] = f"1 {SCRIPTS[number % len(SCRIPTS)]}"
    root = tiny.write(tmp_path_factory.mktemp("hostile") / "release")
    to = root.parent / "page.html"
    write_report(str(root), str(to))
    return to
