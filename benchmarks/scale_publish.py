"""What ends a release at full size: links, the files and sources tables, manifest, garbage, for thousands of shards.

python benchmarks/scale_publish.py
python benchmarks/scale_publish.py --shards 8000 --sources 300000 --json publish.json
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from figures import Row, apart, seconds, show

from medvision.pipelines import publish
from medvision.schemas.options import BuildOptions
from medvision.schemas.record import FILES_TABLE, MANIFEST, SOURCE_SCHEMA, SOURCES_TABLE, Shard, ShardFile, ShardRecord
from medvision.sources.registry import find_dataset
from medvision.transforms.store import Store
from medvision.transforms.write import ShardWriter

DATASET = "TotalSegmentator"
KINDS = ("annotations", "data", "volumes", "webdataset")


def write_shards(out: str, shards: int, sources: int) -> list[ShardRecord]:
    """Built shards whose slices are a byte each, and whose tables of sources are true to size."""
    store, records = Store(out), []
    for number in range(shards):
        key = f"{number:032x}"
        folder, plan = f".shards/{key}/attempt-0", f".shards/{key}/cases-0.jsonl"
        shard = Shard(DATASET, ("train", "test")[number % 2], number // 2, shards // 2, key, "0", plan, 9)
        writer = ShardWriter(store, folder, (), with_images=False)
        each = range(number * sources // shards, (number + 1) * sources // shards)
        rows = [
            (DATASET, f"CT/s{i // 118:04d}", f"v201/s{i // 118:04d}/{i % 118}.nii.gz", i, f"{i:064x}") for i in each
        ]
        writer.add_table("sources", SOURCE_SCHEMA, [dict(zip(SOURCE_SCHEMA.names, row, strict=True)) for row in rows])
        files = list(writer.files)
        for kind in KINDS:
            store.replace(f"{folder}/{kind}", b"x")
            files.append(ShardFile(kind, f"{folder}/{kind}", 1, "0" * 64, 1))
        store.replace(plan, b"{}")
        record = ShardRecord(shard, "0" * 64, tuple(sorted(files)), {"cases": 9, "slices": 900})
        store.replace(f".shards/{key}/record-0.json", record.to_json().encode())
        records.append(record)
    return records


def end_release(records: list[ShardRecord], options: BuildOptions) -> dict[str, float]:
    """Seconds of each step."""
    records = publish.begin(records, options)
    taken: dict[str, float] = {}
    taken["links"], files = seconds(lambda: [file for r in records for file in publish.publish_shard(r, options)])
    whole = publish._collect_garbage
    spent: list[float] = []

    def timed(*arguments: object) -> None:
        spent.append(seconds(whole, *arguments)[0])

    publish._collect_garbage = timed
    taken["finish"], _ = seconds(publish.finish, records, files, [], (find_dataset(DATASET),), options)
    taken["of it garbage"] = spent[0]
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shards", type=int, nargs="+", default=[500, 4_000])
    parser.add_argument("--sources", type=int, default=176_000, help="raw files at the largest number of shards")
    parser.add_argument("--work", default="", metavar="DIR")
    parser.add_argument("--json", default="", metavar="PATH")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for shards in arguments.shards:
        with tempfile.TemporaryDirectory(dir=arguments.work or None) as work:
            out = Path(work) / "out"
            sources = arguments.sources * shards // max(arguments.shards)
            options = BuildOptions("raw", str(out), (DATASET,))
            _, _, records = apart(write_shards, str(out), shards, sources)
            _, peak, taken = apart(end_release, records, options)
            sizes = {name: (out / name).stat().st_size for name in (MANIFEST, FILES_TABLE, SOURCES_TABLE)}
            rows.append({"shards": shards, "sources": sources, **taken, **sizes, "peak MB": peak / 1e6})
    show("Ending a release, seconds and bytes", rows, arguments.json)


if __name__ == "__main__":
    main()
