"""What the runner fuses: building is a stage of its own, so are links and pair files, each behind a Reshuffle."""

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner.fn_runner import FnApiRunner

from medvision.pipelines.build import build_release
from medvision.runners.direct import direct_options
from medvision.schemas.options import BuildOptions
from medvision.sources.registry import DATASETS

BUILD = "Build shards/Build"
LINKS = "Publish/Name files"
PAIRS = "Publish/Write pairs"
PLANNING = (
    "Match cases/List and pair",
    "Assign splits/Number splits",
    "Plan shards/Choose buckets",
    "Plan shards/Name shards",
)
PUBLISHING = ("Publish/Take lock", LINKS, PAIRS, "Publish/Write manifest")


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> list[set[str]]:
    """Names of the user's steps in each fused stage, in the runner's order."""
    place = str(tmp_path_factory.mktemp("fusion"))
    options = BuildOptions(raw=place, out=place, datasets=tuple(DATASETS))
    pipeline = beam.Pipeline(options=direct_options(1))
    build_release(pipeline, tuple(DATASETS.values()), options)
    _, fused = FnApiRunner().create_stages(pipeline.to_runner_api())
    return [{transform.unique_name for transform in stage.transforms} for stage in fused]


def stage_of(stages: list[set[str]], step: str) -> int:
    """Index of the one stage that holds a step."""
    found = [index for index, names in enumerate(stages) if any(n == step or n.startswith(f"{step}/") for n in names)]
    assert len(found) == 1, f"{step} is in stages {found}"
    return found[0]


def readers_of(stages: list[set[str]], shuffle: str) -> int:
    """Index of the stage that reads what a Reshuffle spread."""
    found = [index for index, names in enumerate(stages) if f"{shuffle}/ReshufflePerKey/GroupByKey/Read" in names]
    assert len(found) == 1, f"{shuffle} is read in stages {found}"
    return found[0]


@pytest.mark.parametrize("step", [*PLANNING, *PUBLISHING])
def test_building_is_fused_with_no_other_work(stages: list[set[str]], step: str) -> None:
    assert stage_of(stages, step) != stage_of(stages, BUILD)


@pytest.mark.parametrize(
    ("shuffle", "step"),
    [("Spread shards", BUILD), ("Publish/Spread links", LINKS), ("Publish/Spread pairs", PAIRS)],
)
def test_spread_work_reads_its_own_reshuffle(stages: list[set[str]], shuffle: str, step: str) -> None:
    assert readers_of(stages, shuffle) == stage_of(stages, step)


def test_publishing_steps_are_apart_and_in_order(stages: list[set[str]]) -> None:
    lock, links, pairs, manifest = (stage_of(stages, step) for step in PUBLISHING)
    assert stage_of(stages, BUILD) < lock < min(links, pairs)
    assert links != pairs
    assert max(links, pairs) < manifest
