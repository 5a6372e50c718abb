"""A tiny correct release, written by hand from rows, for tests of what reads releases.

`TinyRelease` holds rows; change them before `write` and every count, hash and table follows, so that only the
check on the changed thing can fail. `seal` restates sizes and hashes after a published file was changed.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tiny_rows import DATASET, HEIGHT, WIDTH, Row, slice_row, volume_row

from medvision.pipelines.validate import validate_release
from medvision.schemas.faults import DEAD_LETTER_SCHEMA
from medvision.schemas.pairs import PAIR_SCHEMAS, config_name
from medvision.schemas.record import FILE_SCHEMA, SOURCE_SCHEMA
from medvision.schemas.rows import ANNOTATION_SCHEMA, DATA_SCHEMA, SCHEMA_VERSION
from medvision.schemas.rules import RULES
from medvision.schemas.volumes import VOLUME_SCHEMA
from medvision.transforms.pairs import pair_groups


def png(seed: int, shape: tuple[int, int] = (HEIGHT, WIDTH)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 4000, shape).astype(np.uint16)
    return cv2.imencode(".png", pixels)[1].tobytes()


@dataclass
class TinyRelease:
    """Rows by shard name, images by slice id, pairs by kind; the `tar_` fields override parts of the tars."""

    shards: dict[str, list[Row]] = field(default_factory=dict)
    volumes: dict[str, list[Row]] = field(default_factory=dict)
    images: dict[str, bytes] = field(default_factory=dict)
    own_pairs: dict[str, list[Row]] | None = None
    tar_names: dict[str, str] = field(default_factory=dict)
    tar_images: dict[str, bytes] = field(default_factory=dict)
    tar_json: dict[str, Row] = field(default_factory=dict)
    tar_mtime: int = 0
    group_rows: int = 2
    formats: tuple[str, ...] = ("parquet", "webdataset")
    planes: tuple[str, ...] = ("axial",)

    @staticmethod
    def correct() -> "TinyRelease":
        """Three cases of three slices: two shards of the train side, one of the test side."""
        names = ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00002")
        tiny = TinyRelease()
        for case, name in enumerate(names):
            side = name.split("-")[0]
            tiny.shards[name] = [slice_row(case, index, side) for index in range(3)]
            tiny.volumes[name] = [volume_row(case, side)]
        rows = [row for shard in tiny.shards.values() for row in shard]
        tiny.images = {row["slice_id"]: png(seed) for seed, row in enumerate(rows)}
        return tiny

    @property
    def pairs(self) -> dict[str, list[Row]]:
        """BoxSize and MaskSize pairs by kind, to be changed: from then on they no longer follow the rows."""
        self.own_pairs = self._made_pairs()
        return self.own_pairs

    def _made_pairs(self) -> dict[str, list[Row]]:
        if self.own_pairs is not None:
            return self.own_pairs
        return {kind: list(self._pairs_of(kind)) for kind in ("BoxSize", "MaskSize")}

    def _pairs_of(self, kind: str) -> Iterator[Row]:
        images = {(row["task"], row["upstream_name"]) for rows in self.shards.values() for row in rows}
        splits = {(kind, task, name): ("train", "recomputed") for task, name in images}
        for name, rows in sorted(self.shards.items()):
            table = pa.Table.from_pylist(rows, ANNOTATION_SCHEMA)
            path = f"{'data' if 'parquet' in self.formats else 'annotations'}/{DATASET}/{name}.parquet"
            for group in pair_groups(table, kind, path, 0, splits, RULES["1.4.0"]):
                yield from group.table.to_pylist()

    def write(self, root: Path) -> Path:
        """Write every file, the tables and the manifest below `root`."""
        for name, rows in self.shards.items():
            self._table(root / f"annotations/{DATASET}/{name}.parquet", rows, ANNOTATION_SCHEMA)
            if "parquet" in self.formats:
                full = [{"image": {"bytes": self.images[row["slice_id"]]}, **row} for row in rows]
                self._table(root / f"data/{DATASET}/{name}.parquet", full, DATA_SCHEMA)
            if "webdataset" in self.formats:
                self._tar(root / f"webdataset/{DATASET}/{name}.tar", rows)
        for name, volumes in self.volumes.items():
            self._table(root / f"volumes/{DATASET}/{name}.parquet", volumes, VOLUME_SCHEMA)
        pairs_of = self._made_pairs()
        for kind, pairs in pairs_of.items():
            config = config_name(DATASET, kind, 1, "axial", "train")
            self._table(root / f"pairs/{config}/train-00000.parquet", pairs, PAIR_SCHEMAS[kind])
        letter = {"dataset": DATASET, "case_id": "case_09", "reason": "bad_gzip", "stage": "read"}
        self._table(root / f"dead_letters/{DATASET}.parquet", [letter], DEAD_LETTER_SCHEMA)
        cases = sorted({row["case_id"] for rows in self.shards.values() for row in rows})
        paths = [f"{case}/{name}.nii.gz" for case in cases for name in ("imaging", "segmentation")]
        sources = [
            {
                "dataset": DATASET,
                "case_id": path[:7],
                "path": path,
                "bytes": 1,
                "sha256": f"sha-{path}",
                "header_sha256": "",
            }
            for path in paths
        ]
        self._table(root / "sources.parquet", sources, SOURCE_SCHEMA)
        stated = {"cases": len(cases) + 1, "slices": sum(map(len, self.shards.values()))}
        stated |= {"shards": len(self.shards), "dead_letters": {"bad_gzip": 1}}
        stated |= {"pairs": {kind: len(pairs) for kind, pairs in pairs_of.items()}}
        manifest = {"format": "medvision-release", "schema_version": SCHEMA_VERSION, "algorithm_version": 1}
        manifest |= {"complete": True, "unbuilt": [], "rules": "1.4.0"}
        manifest |= {"switches": {"images": "png16", "planes": self.planes}}
        (root / "manifest.json").write_text(json.dumps(manifest | {"datasets": {DATASET: stated}}))
        seal(root)
        return root

    def _table(self, path: Path, rows: list[Row], schema: pa.Schema) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=self.group_rows)

    def _tar(self, path: Path, rows: list[Row]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w") as tar:
            for row in rows:
                slice_id = row["slice_id"]
                text = json.dumps(self.tar_json.get(slice_id, row)).encode()
                image = self.tar_images.get(slice_id, self.images[slice_id])
                for suffix, content in (("png", image), ("json", text)):
                    name = f"{self.tar_names.get(slice_id, slice_id)}.{suffix}"
                    member = tarfile.TarInfo(name)
                    member.size, member.mtime = len(content), self.tar_mtime
                    tar.addfile(member, io.BytesIO(content))


def seal(root: Path) -> None:
    """Write `files.parquet` over what lies below `root`, and state both tables in the manifest."""
    files = []
    for path in sorted(path for path in root.glob("*/**/*") if path.is_file()):
        place = path.relative_to(root)
        entry = {"path": place.as_posix(), "kind": place.parts[0], "dataset": DATASET}
        files.append(entry | stated_of(path) | {"rows": rows_of(path)})
    _write_listing(root, files)


def restate(root: Path, file: Path, /, **changes: Any) -> None:
    """State `file` in `files.parquet` with its present size and hash and with `changes`, nothing else."""
    place = file.relative_to(root).as_posix()
    files = pq.read_table(root / "files.parquet").to_pylist()
    _write_listing(root, [f | stated_of(file) | changes if f["path"] == place else f for f in files])


def _write_listing(root: Path, files: list[Row]) -> None:
    pq.write_table(pa.Table.from_pylist(files, FILE_SCHEMA), root / "files.parquet")
    tables = {name: root / name for name in ("files.parquet", "sources.parquet")}
    stated = {name: stated_of(path) | {"rows": rows_of(path)} for name, path in tables.items()}
    edit_manifest(root, tables=stated)


def failed(root: Path, level: str = "normal") -> set[str]:
    """Names of the checks that the release fails."""
    return {check.name for check in validate_release(str(root), level).checks if not check.ok}


def rows_of(path: Path) -> int:
    if path.suffix != ".tar":
        return pq.read_metadata(path).num_rows
    with tarfile.open(path) as tar:
        return len(tar.getnames()) // 2


def stated_of(path: Path) -> Row:
    return {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def edit_manifest(root: Path, **changes: Any) -> None:
    path = root / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
