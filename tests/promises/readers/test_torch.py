"""PyTorch's DataLoader reads slices and pairs of every kind; its workers give the batches of the main process."""

from pathlib import Path

import pytest
from miniature import write_miniature
from reader_places import read_with

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions

pytestmark = pytest.mark.heavy
DATASETS = ("FeTA24", "KiTS23")


@pytest.mark.parametrize("images", ["png16", "none"])
def test_data_loader(tmp_path: Path, images: str) -> None:
    raw, out = tmp_path / "raw", tmp_path / "release"
    write_miniature(raw, DATASETS, cases=1)
    run_build(BuildOptions(str(raw), str(out), DATASETS, planes=("axial",), images=images))
    options = ["--raw", str(raw)] if images == "none" else ["--start", "fork"]
    found = read_with("torch", "torch_loader.py", out, *options, alone=False)
    kinds = {"", "BoxSize", "MaskSize", "TumorLesionSize", "BiometricsFromLandmarks"}
    configs = found["configs"].values()
    assert {config["kind"] for config in configs} == kinds
    assert all(config["samples"] > 0 for config in configs)
    assert all(config["types"]["mm"] == "torch.float32 [2]" for config in configs if config["kind"])
