"""One small release, built once for all tests that only read it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from miniature import write_miniature

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions


@dataclass(frozen=True)
class Built:
    """A release of miniature ACDC and KiTS23, axial slices, with the options that made it."""

    options: BuildOptions
    manifest: dict[str, Any]

    @property
    def out(self) -> Path:
        return Path(self.options.out)


@pytest.fixture(scope="session")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw root of miniature ACDC and KiTS23; not to be changed."""
    root = tmp_path_factory.mktemp("raw")
    write_miniature(root, ["ACDC", "KiTS23"], cases=2)
    return root


@pytest.fixture(scope="session")
def built(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The release; not to be changed."""
    out = tmp_path_factory.mktemp("built") / "release"
    options = BuildOptions(str(raw), str(out), ("ACDC", "KiTS23"), planes=("axial",))
    return Built(options, run_build(options).manifest)


@pytest.fixture(scope="session")
def mixed(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Release of the same, KiTS23 without images as by a licence; not to be changed."""
    out = tmp_path_factory.mktemp("mixed") / "release"
    names = ("ACDC", "KiTS23")
    run_build(BuildOptions(str(raw), str(out), names, "1.4.0", ("axial",), ("parquet",), annotations_only=("KiTS23",)))
    return out


@pytest.fixture(scope="session")
def version(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Release of miniature KiTS23, CAMUS and FeTA24, axial and coronal, without images, by rules; not to be changed."""
    names = ("CAMUS", "FeTA24", "KiTS23")
    root, out = tmp_path_factory.mktemp("raw of versions"), tmp_path_factory.mktemp("versions")
    write_miniature(root, names, cases=2)

    @cache
    def built_by(rules: str) -> Path:
        release = out / rules
        planes = ("coronal", "axial")
        run_build(BuildOptions(str(root), str(release), names, rules, planes, ("parquet",), "none"))
        return release

    return built_by
