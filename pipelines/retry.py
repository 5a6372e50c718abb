"""Build again what a release left out, once its raw files were mended: the same build, as its manifest describes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from medvision.pipelines.release import Release, ReleaseError, open_release
from medvision.pipelines.run import BuildResult, run_build
from medvision.schemas.options import BuildOptions
from medvision.schemas.plans import PLANS
from medvision.schemas.rows import SCHEMA_VERSION
from medvision.transforms.plan import ALGORITHM_VERSION


class LeftOut(NamedTuple):
    """A case, or an image of it, that a release lacks: `task` 0 means the whole case; `reason` is a key of REASONS."""

    dataset: str
    case_id: str
    task: int
    reason: str


@dataclass(frozen=True)
class Retried:
    """What became of what was left out.

    Attributes:
        built: No longer left out.
        still: Left out still, with the reason of now.
        new: Left out for the first time: a mended file may show the next fault.
        result: Of the build; None where nothing had been left out, and nothing was built.
    """

    built: tuple[LeftOut, ...]
    still: tuple[LeftOut, ...]
    new: tuple[LeftOut, ...]
    result: BuildResult | None = None

    def to_json(self) -> dict[str, Any]:
        """`built`, `still` and `new` as lists of objects."""
        return {name: [item._asdict() for item in getattr(self, name)] for name in ("built", "still", "new")}


def retry(
    url: str,
    raw: str,
    workers: int = 1,
    splits_from: str = "",
    beam_args: Sequence[str] = (),
    console: Any = None,
    engine: str = "direct",
) -> Retried:
    """Build the shards anew whose left-out cases were mended; all other shards are kept as they are.

    Args:
        url: Local path or fsspec URL of the release.
        raw: Its raw root, as the build was given it: a manifest holds no place.
        splits_from: As the build was given it.
        workers, beam_args, console, engine: As `run_build` takes them.

    Raises:
        ReleaseError: No release, or one of another version of the pipeline, which would be built anew as a whole.
        BuildFailed, PublishLocked, ValueError: As `run_build` raises them.
    """
    release = open_release(url)
    before = left_out(release)
    if not before:
        return Retried((), (), ())
    result = run_build(options_of(release, raw, splits_from), workers, beam_args, console, engine)
    after = {_place(item): item for item in left_out(open_release(url))}
    places = {_place(item) for item in before}
    return Retried(
        tuple(item for item in before if _place(item) not in after),
        tuple(item for place, item in after.items() if place in places),
        tuple(item for place, item in after.items() if place not in places),
        result,
    )


def left_out(release: Release) -> list[LeftOut]:
    """Dead letters and unbuilt cases, in order of dataset, case and task."""
    found = []
    for file in release.files("dead_letters"):
        table = release.parquet(file.path).read(["dataset", "case_id", "task", "reason"])
        found += [LeftOut(**row) for row in table.to_pylist()]
    return sorted(found)


def options_of(release: Release, raw: str, splits_from: str = "") -> BuildOptions:
    """Options of the build that made a release. Raises ReleaseError for one of another version."""
    manifest, switches = release.manifest, release.manifest["switches"]
    versions = manifest["schema_version"], manifest["algorithm_version"]
    if versions != (SCHEMA_VERSION, ALGORITHM_VERSION):
        raise ReleaseError(
            f"{release.url} is of schema {versions[0]} and algorithm {versions[1]}, this is {SCHEMA_VERSION} and "
            f"{ALGORITHM_VERSION}: `medvision build` makes it anew as a whole"
        )
    return BuildOptions(
        raw=raw,
        out=release.url,
        datasets=tuple(sorted(manifest["datasets"])),
        rules=manifest["rules"],
        planes=tuple(switches["planes"]),
        formats=(*switches["formats"], *((PLANS,) if manifest["plans"] else ())),
        images=switches["images"],
        annotations_only=tuple(manifest["annotations_only"]),
        limit=manifest["limit"],
        splits_from=splits_from,
    )


def _place(item: LeftOut) -> tuple[str, str, int]:
    return item.dataset, item.case_id, item.task
