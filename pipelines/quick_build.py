"""`medvision.build`: a build of this machine from Python, as a notebook wants it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from medvision.pipelines.licences import ANY, annotations_only
from medvision.pipelines.release import Release, open_release
from medvision.pipelines.run import run_build
from medvision.schemas.dataset import PLANES
from medvision.schemas.options import CASE_MINUTES, FORMATS, IMAGES, BuildOptions
from medvision.schemas.rules import RULES
from medvision.sources.registry import DATASETS


def build(
    *datasets: str,
    raw: str,
    out: str,
    rules: str = "1.4.0",
    planes: Sequence[str] = PLANES,
    formats: Sequence[str] = (),
    images: str = "png16",
    licences: str = ANY,
    private: bool = False,
    limit: int = 0,
    splits_from: str = "",
    replace: bool = False,
    case_minutes: float = CASE_MINUTES,
    worker_gb: float = 0.0,
    workers: int = 1,
) -> Release:
    """Build a release on this machine and open it; one that stands already is taken up again, not made anew.

    Args:
        datasets: Names, or "all" that have a folder in `raw`.
        raw: Folder or URL with one folder a dataset, unpacked as published.
        out: Folder or URL of the release.
        rules, planes, formats, images, limit, splits_from, replace: As the options of `medvision build`; `formats` ()
            takes all that serve, `limit` 0 all cases.
        licences: Whose images may enter: "any", "commercial", or comma-separated SPDX ids; others give annotations
            only.
        private: This copy is not passed on: keep images of sources that forbid redistribution too.
        case_minutes, worker_gb: As the options of `medvision build`; they hold for two workers or more.
        workers: Processes that build at a time.

    Returns:
        The release. `manifest["complete"]` says whether no case is unbuilt, `manifest["datasets"]` what was left out.

    Raises:
        ValueError: An unknown dataset, licence or option, raw data that is missing, or a folder that holds another
            release.
        BuildFailed: The environment failed; the same call goes on from there.
    """
    chosen = BuildOptions(
        raw=str(raw),
        out=str(out),
        datasets=datasets,
        rules=_known("rules", (rules,), RULES)[0],
        planes=_known("planes", planes, PLANES),
        formats=_known("formats", formats, FORMATS),
        images=_known("images", (images,), IMAGES)[0],
        annotations_only=annotations_only(DATASETS.values(), licences, private),
        limit=limit,
        splits_from=str(splits_from),
        replace=replace,
        case_minutes=case_minutes,
        worker_gb=worker_gb,
    )
    run_build(chosen, workers)
    return open_release(str(out))


def _known(name: str, asked: Sequence[str], allowed: Collection[str]) -> tuple[str, ...]:
    """The asked values in the order of `allowed`. Raises ValueError for another, and for a text in place of a list."""
    unknown = [asked] if isinstance(asked, str) else [value for value in asked if value not in allowed]
    if unknown:
        raise ValueError(f"{name} {unknown[0]!r} is not of {', '.join(allowed)}; give a list of these names")
    return tuple(value for value in allowed if value in asked)
