"""Image processors of vision-language models on the pictures of prompts: sizes as stated, and not saturated."""

from pathlib import Path

import pytest
from miniature import write_miniature
from reader_places import read_with

from medvision.pipelines.main import main

pytestmark = pytest.mark.heavy

WHITE = 0.05
"""Share of a picture's values at the white end, at most; air below a CT window is black in any picture of it."""


def test_real_processors(tmp_path: Path) -> None:
    write_miniature(tmp_path / "raw", ["ACDC", "KiTS23"], cases=1)
    places = ["--raw", str(tmp_path / "raw"), "--out", str(tmp_path / "release"), "--private", "--workers", "1"]
    assert main(["build", "ACDC", "KiTS23", *places, "--planes", "axial"]) == 0
    assert main(["prompts", str(tmp_path / "release"), "--to", str(tmp_path / "prompts")]) == 0
    found = read_with("torch", "image_processor.py", tmp_path / "prompts", tmp_path / "release", alone=False)
    assert len(found) >= 8
    for name, said in found.items():
        assert len(said["sizes"]) > 20, name
        assert [size["made_wh"] for size in said["sizes"]] == [size["stated_wh"] for size in said["sizes"]], name
        for shares in said["clipped"]:
            assert shares["white"] < WHITE, name
            assert shares["black"] <= shares["picture_black"] + 0.02, name
        saturated = [shares["white"] for shares in said["clipped_16_bit"]]
        assert max(saturated) > 5 * WHITE, f"{name}: a 16-bit picture would be white, or this test shows nothing"
