"""Tables of datasets that other installed packages bring, so that nobody needs a fork to build their own data.

A package names each of its tables as an entry point of the group GROUP, `name = "module:TABLE"`.
"""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import EntryPoint, entry_points

from medvision.schemas.dataset import Dataset

GROUP = "medvision.datasets"


def installed_tables(taken: Collection[str]) -> list[Dataset]:
    """Tables of other packages, in order of their entry points' names.

    Args:
        taken: Names of this project's own datasets.

    Raises:
        ValueError: An entry point does not load or is no Dataset, or two datasets have one name in any letter case.
    """
    names = {name.casefold() for name in taken}
    tables = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        table = _load(point)
        if table.name.casefold() in names:
            raise ValueError(f"{_called(point)} is a second dataset named {table.name!r}; give it another name")
        names.add(table.name.casefold())
        tables.append(table)
    return tables


def _load(point: EntryPoint) -> Dataset:
    try:
        table = point.load()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{_called(point)} does not load: {error}; repair or uninstall that package") from error
    if not isinstance(table, Dataset):
        raise ValueError(f"{_called(point)} is a {type(table).__name__}, not a medvision.schemas.dataset.Dataset")
    return table


def _called(point: EntryPoint) -> str:
    return f"entry point {point.name} = {point.value!r} of group {GROUP}"
