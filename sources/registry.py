"""Every supported dataset by name."""

from difflib import get_close_matches

from medvision.schemas.dataset import Dataset
from medvision.sources.acdc import ACDC
from medvision.sources.kits23 import KITS23
from medvision.sources.msd import MSD
from medvision.sources.totalsegmentator import TOTALSEGMENTATOR

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset for dataset in sorted((ACDC, KITS23, MSD, TOTALSEGMENTATOR), key=lambda dataset: dataset.name)
}


def find_dataset(name: str) -> Dataset:
    """The dataset of that name, whatever the letter case.

    Raises:
        ValueError: No dataset has the name; the message lists the known ones and those spelled much like it.
    """
    by_key = {known.casefold(): dataset for known, dataset in DATASETS.items()}
    dataset = by_key.get(name.casefold())
    if dataset is not None:
        return dataset
    close = [by_key[key].name for key in get_close_matches(name.casefold(), by_key)]
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    raise ValueError(f"no dataset is named {name!r}: the known ones are {', '.join(DATASETS)}{hint}")
