"""Miniature raw archives: every supported dataset in its publisher's layout, orientation and data types.

    python tests/miniature.py ROOT [--cases N] [DATASET ...]

The same arguments give the same bytes, and adding datasets leaves the others as they were. `truth` tells what a
build must find in them; layouts/ holds a module a quirk of layout.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from layouts import (
    bids,
    case_folders,
    challenge_sets,
    class_folders,
    decathlon,
    films,
    hdf5,
    paired_folders,
    time_series,
)
from layouts.archive import Archive, Truth
from phantom import ellipsoid, random_of, stored, stored_affine, write_bytes, write_nifti

from medvision.sources.registry import DATASETS, find_dataset

__all__ = [
    "LAYOUTS",
    "ellipsoid",
    "main",
    "random_of",
    "stored",
    "stored_affine",
    "truth",
    "write_bytes",
    "write_miniature",
    "write_nifti",
]

LAYOUTS: dict[str, Callable[[Archive], None]] = {
    "ACDC": case_folders.write_acdc,
    "AMOS22": paired_folders.write_amos22,
    "AbdomenAtlas1.0Mini": case_folders.write_abdomenatlas,
    "AbdomenCT-1K": paired_folders.write_abdomenct1k,
    "BCV15": paired_folders.write_bcv15,
    "BraTS24": case_folders.write_brats24,
    "CAMUS": time_series.write_camus,
    "Ceph-Biometrics-400": films.write_ceph,
    "CrossMoDA": challenge_sets.write_crossmoda,
    "FLARE22": paired_folders.write_flare22,
    "FeTA24": bids.write_feta24,
    "HNTSMRG24": case_folders.write_hntsmrg24,
    "ISLES24": bids.write_isles24,
    "KiPA22": paired_folders.write_kipa22,
    "KiTS23": case_folders.write_kits23,
    "MSD": decathlon.write_msd,
    "OAIZIB-CM": paired_folders.write_oaizib,
    "SKM-TEA": hdf5.write_skmtea,
    "ToothFairy2": paired_folders.write_toothfairy2,
    "TopCoW24": paired_folders.write_topcow24,
    "TotalSegmentator": class_folders.write_totalsegmentator,
    "autoPET-III": paired_folders.write_autopet,
}


def write_miniature(root: Path, datasets: Sequence[str] | None = None, cases: int = 3, seed: int = 7) -> list[Path]:
    """Write miniature archives below `root/<dataset>`.

    Args:
        root: Raw root; missing folders are made.
        datasets: Dataset names, None for every supported one.
        cases: Sound cases, patients or studies of each dataset and part; a dataset's traps come on top.
        seed: Moves every organ, lesion, landmark and noise sample.

    Returns:
        Every file written, sorted.

    Raises:
        ValueError: A name that no supported dataset has.
    """
    written: list[Path] = []
    for name in [find_dataset(name).name for name in (DATASETS if datasets is None else datasets)]:
        archive = Archive(root / name, cases, seed)
        LAYOUTS[name](archive)
        written += archive.written
    return sorted(written)


def truth(dataset: str, cases: int = 3, seed: int = 7) -> Truth:
    """What a build must find in the archive that `write_miniature` writes with the same arguments."""
    archive = Archive(None, cases, seed)
    LAYOUTS[find_dataset(dataset).name](archive)
    return archive.truth


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write miniature raw archives in their publishers' layouts.")
    parser.add_argument("root", type=Path, metavar="ROOT")
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help="default: every supported dataset")
    parser.add_argument("--cases", type=int, default=3, metavar="N", help="per dataset or part (default 3)")
    options = parser.parse_intermixed_args(arguments)
    written = write_miniature(options.root, options.datasets or None, options.cases)
    sys.stdout.write(f"{len(written)} files, {sum(path.stat().st_size for path in written):,} bytes\n")


if __name__ == "__main__":
    main()
