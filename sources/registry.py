"""Every dataset by name: those of this project, and those that other installed packages bring."""

from difflib import get_close_matches

from medvision.schemas.dataset import Dataset
from medvision.sources.abdomenatlas import ABDOMENATLAS
from medvision.sources.abdomenct1k import ABDOMENCT1K
from medvision.sources.acdc import ACDC
from medvision.sources.amos22 import AMOS22
from medvision.sources.autopet import AUTOPET_III
from medvision.sources.bcv15 import BCV15
from medvision.sources.brats24 import BRATS24
from medvision.sources.camus import CAMUS
from medvision.sources.ceph import CEPH
from medvision.sources.crossmoda import CROSSMODA
from medvision.sources.feta24 import FETA24
from medvision.sources.flare22 import FLARE22
from medvision.sources.hntsmrg24 import HNTSMRG24
from medvision.sources.installed import installed_tables
from medvision.sources.isles24 import ISLES24
from medvision.sources.kipa22 import KIPA22
from medvision.sources.kits23 import KITS23
from medvision.sources.msd import MSD
from medvision.sources.oaizib import OAIZIB_CM
from medvision.sources.skmtea import SKM_TEA
from medvision.sources.toothfairy2 import TOOTHFAIRY2
from medvision.sources.topcow24 import TOPCOW24
from medvision.sources.totalsegmentator import TOTALSEGMENTATOR

TABLES = (
    ABDOMENATLAS,
    ABDOMENCT1K,
    ACDC,
    AMOS22,
    AUTOPET_III,
    BCV15,
    BRATS24,
    CAMUS,
    CEPH,
    CROSSMODA,
    FETA24,
    FLARE22,
    HNTSMRG24,
    ISLES24,
    KIPA22,
    KITS23,
    MSD,
    OAIZIB_CM,
    SKM_TEA,
    TOOTHFAIRY2,
    TOPCOW24,
    TOTALSEGMENTATOR,
)
_ALL = (*TABLES, *installed_tables([table.name for table in TABLES]))
DATASETS: dict[str, Dataset] = {table.name: table for table in sorted(_ALL, key=lambda table: table.name)}
ALL = "all"
"""In the place of names: every dataset that has a folder in the raw root, or that is open to all."""


def find_dataset(name: str) -> Dataset:
    """The dataset of that name, whatever the letter case.

    Raises:
        ValueError: No dataset has the name; the message lists the known ones and those spelled much like it.
    """
    if name == ALL:
        raise ValueError(f"`{ALL}` stands alone, in the place of names, where a command takes it")
    by_key = {known.casefold(): dataset for known, dataset in DATASETS.items()}
    dataset = by_key.get(name.casefold())
    if dataset is not None:
        return dataset
    close = [by_key[key].name for key in get_close_matches(name.casefold(), by_key)]
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    raise ValueError(f"no dataset is named {name!r}: the known ones are {', '.join(DATASETS)}{hint}")
