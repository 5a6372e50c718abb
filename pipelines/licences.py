"""Whose images may enter a release: a decision on licences, made before the build and told in its card."""

from __future__ import annotations

from collections.abc import Iterable

from medvision.schemas.dataset import Dataset

ANY, COMMERCIAL = "any", "commercial"
"""Words in place of SPDX ids: every licence; those that allow commercial use."""


class LicenceError(ValueError):
    """A choice of licences that means nothing."""


def annotations_only(datasets: Iterable[Dataset], licences: str = ANY, private: bool = False) -> tuple[str, ...]:
    """Names of the datasets that enter without images.

    A source that forbids passing its images on gives annotations alone, unless the copy stays private.

    Args:
        datasets: Tables to decide on.
        licences: ANY, COMMERCIAL, or comma-separated SPDX ids such as "CC-BY-4.0,CC-BY-SA-4.0": images under other
            licences stay out, and those of sources that have no SPDX id.
        private: The copy is not passed on: what its source forbids to redistribute may enter.

    Raises:
        LicenceError: `licences` names one that no dataset has.
    """
    tables = tuple(datasets)
    allowed = _allowed(licences, {dataset.spdx for dataset in tables} - {""})
    return tuple(
        sorted(
            dataset.name
            for dataset in tables
            if not (private or dataset.redistribute) or (allowed is not None and dataset.spdx not in allowed)
        )
    )


def _allowed(licences: str, known: set[str]) -> set[str] | None:
    """SPDX ids whose images may enter; None for every licence."""
    if licences == ANY:
        return None
    if licences == COMMERCIAL:
        return {spdx for spdx in known if "-NC" not in spdx}
    asked = {part.strip() for part in licences.split(",") if part.strip()}
    if unknown := asked - known:
        raise LicenceError(
            f"no dataset has the licence {', '.join(sorted(unknown))}; give {ANY}, {COMMERCIAL}, or some of "
            f"{', '.join(sorted(known))}"
        )
    if not asked:
        raise LicenceError(f"--licenses is empty; give {ANY}, {COMMERCIAL} or SPDX ids")
    return asked
