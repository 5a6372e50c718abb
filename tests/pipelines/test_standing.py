"""What a build may put its release in place of: its own, an older one, or nothing."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medvision.pipelines.preflight import PreflightError, check_build
from medvision.pipelines.publish_note import PublishNote
from medvision.pipelines.standing import ReleaseStands, check_standing, identity
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import MANIFEST, PUBLISHING
from medvision.transforms.store import Store


@pytest.fixture
def options(tmp_path: Path) -> BuildOptions:
    return BuildOptions(raw=str(tmp_path / "raw"), out=str(tmp_path / "out"), datasets=("ACDC", "KiTS23"))


def stand(options: BuildOptions, **changes: Any) -> None:
    """Put a manifest into the folder that is another's in these entries."""
    manifest = {"format": "medvision-release", **identity(options), **changes}
    manifest["datasets"] = {name: {} for name in manifest["datasets"]}
    Store(options.out).replace(MANIFEST, json.dumps(manifest).encode())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rules": "exact"}, "by rules exact, not 1.4.0; choose another folder, or pass --replace"),
        ({"datasets": ["ACDC"]}, "holds a release of ACDC; name the same datasets"),
        ({"switches": {}}, "with other formats, images, planes, rules"),
        ({"annotations_only": ["ACDC"]}, "with other licences"),
        ({"schema_version": 1000}, r"of a newer program \(schema 1000, .*upgrade it"),
        ({"algorithm_version": 1000}, r"of a newer program \(schema \d+, algorithm 1000;"),
        ({"format": "other"}, "is no release's; choose another folder"),
    ],
)
def test_another_release_stays(options: BuildOptions, changes: dict[str, Any], said: str) -> None:
    stand(options, **changes)
    with pytest.raises(ReleaseStands, match=said):
        check_standing(options)
    with pytest.raises(PreflightError, match=said):
        check_build((), options)
    if "format" not in changes:
        check_standing(replace(options, replace=True))


def test_the_same_release_gives_way_and_so_does_an_older_one(options: BuildOptions) -> None:
    check_standing(options)
    stand(options)
    check_standing(options)
    stand(options, schema_version=1, algorithm_version=0)
    check_standing(options)


def test_a_release_gives_way_to_no_smaller_one(options: BuildOptions) -> None:
    stand(options, limit=3)
    check_standing(options)
    check_standing(replace(options, limit=4))
    with pytest.raises(ReleaseStands, match=r"of 3 cases a dataset, more than --limit 2"):
        check_standing(replace(options, limit=2))
    stand(options)
    with pytest.raises(ReleaseStands, match=r"of all cases, more than --limit 4"):
        check_standing(replace(options, limit=4))
    with pytest.raises(ReleaseStands, match=r"with plans; keep them in --formats"):
        check_standing(replace(options, formats=("parquet", "webdataset")))
    stand(options, plans=False)
    check_standing(options)


def test_an_interrupted_publish_counts_as_what_it_was_to_be(options: BuildOptions) -> None:
    PublishNote(Store(options.out), "run").mark_publishing(json.dumps(identity(options)))
    check_standing(options)
    with pytest.raises(ReleaseStands, match=r"by rules 1.4.0, not exact"):
        check_standing(replace(options, rules="exact"))
    (Path(options.out) / PUBLISHING).write_text("A publish is under way, by an older program.\n")
    check_standing(replace(options, rules="exact"))


@pytest.mark.parametrize("name", ["data/mine.csv", "README.md", "pairs/x", "plans/x"])
@pytest.mark.parametrize("replaced", [False, True])
def test_what_is_no_releases_stays(options: BuildOptions, name: str, replaced: bool) -> None:
    path = Path(options.out) / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(ReleaseStands, match=f"holds {name.partition('/')[0]}, which publishing would overwrite"):
        check_standing(replace(options, replace=replaced))
    (Path(options.out) / ".shards").mkdir()
    check_standing(options)


def test_files_that_publishing_leaves_alone_are_no_hindrance(options: BuildOptions) -> None:
    (Path(options.out) / "notes").mkdir(parents=True)
    (Path(options.out) / "notes/mine.txt").write_text("mine")
    check_standing(options)
    (Path(options.out) / MANIFEST).write_text("{")
    with pytest.raises(ReleaseStands, match="is no release's"):
        check_standing(options)
