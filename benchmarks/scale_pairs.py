"""The passes over annotation files at full size: pairs and plans from clones of one real shard, seconds and memory.

python benchmarks/scale_pairs.py
python benchmarks/scale_pairs.py --pairs 45_000_000 --images 3000 --json pairs.json

Each pass runs in a fresh process, as the pipeline's steps call it: one call a dataset and kind.
"""

from __future__ import annotations

import argparse
import pickle
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from cases import blobs, ct, save
from figures import Row, apart, show

from medvision.schemas.options import BuildOptions
from medvision.schemas.pairs import kinds_of
from medvision.schemas.plans import plan_kinds_of
from medvision.schemas.record import Shard, ShardFile, ShardRecord
from medvision.schemas.rows import ANNOTATION_SCHEMA
from medvision.schemas.volumes import VOLUME_SCHEMA
from medvision.sources.registry import find_dataset
from medvision.transforms.split import NumberedSplit
from medvision.transforms.store import HashingWriter, Store
from medvision.transforms.write import ANNOTATION_GROUP_ROWS, ParquetFile

DATASET = "KiTS23"
SHAPE = (160, 160, 70)
SHARD_IMAGES = 300
"""Images of one annotation file: about 100,000 rows, in groups of 20,000 as a build writes them."""


NAMES = 29_000
"""Images that the splits name at least: those of the published release."""


def seed(work: Path) -> Path:
    """Folder with the annotations and volumes of one small case as a real build leaves them."""
    from medvision.pipelines.run import run_build

    rng = np.random.default_rng(23)
    mask = np.array([0, 1, 1, 2, 2, 3, 2, 3], np.uint8)[blobs(SHAPE, 7, (0.08, 0.16), rng)]
    home = work / "raw" / DATASET / "case_00000"
    save(home / "imaging.nii.gz", ct(mask, rng), (0.8, 0.8, 3.0))
    save(home / "segmentation.nii.gz", mask, (0.8, 0.8, 3.0))
    run_build(BuildOptions(str(work / "raw"), str(work / "seed"), (DATASET,), formats=("parquet",), images="none"))
    return work / "seed"


def clone(found: Path, store: Store, images: int) -> list[ShardRecord]:
    """Shards of the case under other names, `images` together; pictures have none."""
    kinds = {"annotations": ANNOTATION_SCHEMA, "volumes": VOLUME_SCHEMA}
    tables = {kind: pq.read_table(next((found / kind / DATASET).glob("*.parquet"))) for kind in kinds}
    records = []
    for bucket, first in enumerate(range(0, images, SHARD_IMAGES)):
        numbers = range(first, min(images, first + SHARD_IMAGES))
        files = []
        for kind, schema in kinds.items():
            path = f".shards/{bucket:05d}/{kind}.parquet"
            with store.writing(path) as out:
                rows = _write_clones(out, tables[kind], schema, numbers)
            files.append(ShardFile(kind, path, out.count, out.digest.hexdigest(), rows))
        shard = Shard(DATASET, ("train", "test")[bucket % 2], bucket // 2, 1024, f"{bucket:05d}", "", "", len(numbers))
        records.append(ShardRecord(shard, "", tuple(files)))
    return records


def _write_clones(out: HashingWriter, table: pa.Table, schema: pa.Schema, numbers: range) -> int:
    file, held, rows = ParquetFile(out, schema), [], 0
    for number in numbers:
        held.append(_renamed(table, number))
        rows += table.num_rows
        if rows >= ANNOTATION_GROUP_ROWS or number == numbers[-1]:
            file.write(pa.concat_tables(held))
            held, rows = [], 0
    file.close()
    return file.rows


def _renamed(table: pa.Table, number: int) -> pa.Table:
    for name in ("slice_id", "case_id", "patient", "upstream_name", "source_path", "mask_path"):
        if name in table.column_names:
            place = table.schema.get_field_index(name)
            column = pc.replace_substring(table.column(name), "case_00000", f"case_{number:05d}")
            table = table.set_column(place, table.schema.field(name), column)
    return table


def sides_of(images: int) -> NumberedSplit:
    """The numbered split over all images and kinds, as `numbered_splits` gives it."""
    table, rules = find_dataset(DATASET), BuildOptions("", "", (DATASET,)).rule_table
    numbers = range(max(images, NAMES))
    names = [(f"case_{number:05d}.nii.gz", "train" if number % 10 < 7 else "test") for number in numbers]
    return {(kind, 1, name): (side, "recomputed") for kind in kinds_of(table, rules) for name, side in names}


def pairs_pass(kind: str, records: list[ShardRecord], images: int, options: BuildOptions) -> tuple[int, int, int]:
    """One call of the pairs step: pairs, files written, and the most times that an annotation file was opened."""
    from medvision.pipelines.publish import write_pairs
    from medvision.transforms.threads import limit_threads

    limit_threads()
    opened = _count_reads()
    files = write_pairs(kind, records, sides_of(images), options)
    return sum(file.rows for file in files), len(files), max(opened.values())


def plans_pass(kind: str, records: list[ShardRecord], images: int, options: BuildOptions) -> tuple[int, int, int]:
    """The same of the plans step: cases, files, opens."""
    from medvision.pipelines.plans import write_plans
    from medvision.transforms.threads import limit_threads

    limit_threads()
    opened = _count_reads()
    files = write_plans(kind, records, sides_of(images), find_dataset(DATASET), options)
    return sum(file.rows for file in files), len(files), max(opened.values())


def _count_reads() -> Counter[str]:
    """Counts how often each stored annotation file is opened from now on in this process."""
    from fsspec.implementations.local import LocalFileSystem

    opened: Counter[str] = Counter()
    whole = LocalFileSystem.open

    def counted(self: Any, path: str, mode: str = "rb", *others: Any, **named: Any) -> Any:
        if mode == "rb" and path.endswith("annotations.parquet"):
            opened[path] += 1
        return whole(self, path, mode, *others, **named)

    LocalFileSystem.open = counted
    return opened


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=4_500_000, help="over all kinds (default 4,500,000)")
    parser.add_argument("--images", type=int, default=0, help="images they are of (default: as many as the case needs)")
    parser.add_argument("--plans", action="store_true", help="the plans too, which upstream's rules have")
    parser.add_argument("--work", default="", metavar="DIR")
    parser.add_argument("--json", default="", metavar="PATH")
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="pairs-", dir=arguments.work or None))
    try:
        found = seed(work)
        options = BuildOptions(str(work / "raw"), str(work / "out"), (DATASET,))
        store, table = Store(options.out), find_dataset(DATASET)
        kinds = kinds_of(table, options.rule_table)
        each = sum(_pairs_of(found).values())
        images = arguments.images or -(-arguments.pairs // each)
        repeats = -(-arguments.pairs // (each * images))
        taken, peak, records = apart(clone, found, store, images)
        records = _repeated(records, repeats)
        total = sum(file.rows for record in records for file in record.files if file.kind == "annotations")
        rows = [_row("clone", taken, peak, total, total, len(records), 1)]
        for kind in kinds:
            taken, peak, (pairs, files, reads) = apart(pairs_pass, kind, records, images, options)
            rows.append(_row(f"pairs {kind}", taken, peak, total, pairs, files, reads / repeats))
        if arguments.plans:
            for kind in plan_kinds_of(table):
                once = records[: len(records) // repeats]  # a plan names each image once
                taken, peak, (cases, files, reads) = apart(plans_pass, kind, once, images, options)
                rows.append(_row(f"plan {kind}", taken, peak, total // repeats, cases, files, reads))
        taken, peak, size = apart(_side_input, images)
        rows.append(_row("splits as a side input", taken, peak, size, len(kinds) * max(images, NAMES), 0, 0))
        made = sum(row["made"] for row in rows if row["step"].startswith("pairs"))
        show(f"{made:,} pairs of {total:,} slices in {len(records)} shards", rows, arguments.json)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _pairs_of(found: Path) -> Counter[str]:
    """Pairs of the one case, by kind."""
    counts: Counter[str] = Counter()
    for path in (found / "pairs").rglob("*.parquet"):
        counts[path.parent.name.split("_")[1]] += pq.read_metadata(path).num_rows
    return counts


def _repeated(records: list[ShardRecord], times: int) -> list[ShardRecord]:
    """The same files as further shards, where there are fewer images than pairs need."""
    return [
        replace(record, shard=replace(record.shard, bucket=record.shard.bucket + turn * len(records)))
        for turn in range(times)
        for record in records
    ]


def _side_input(images: int) -> int:
    """Pickle and unpickle the splits as Beam does; their bytes."""
    data = pickle.dumps(sides_of(images))
    pickle.loads(data)
    return len(data)


def _row(step: str, taken: float, peak: int, rows: int, made: int, files: int, reads: float) -> Row:
    return {
        "step": step,
        "seconds": taken,
        "rows or bytes in": rows,
        "made": made,
        "made/s": made / taken,
        "files": files,
        "reads of a shard": reads,
        "peak MB": peak / 1e6,
    }


if __name__ == "__main__":
    main()
