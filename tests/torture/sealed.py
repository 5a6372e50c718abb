"""A release whose listing is made true again after its files were changed: only its meaning can give that away."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medvision.schemas.record import FILE_SCHEMA, FILES_TABLE, MANIFEST, SOURCES_TABLE


def stated_of(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def rows_of(path: Path) -> int:
    """Rows of a table, samples of a tar."""
    if path.suffix == ".tar":
        with tarfile.open(path) as tar:
            return len({name.split(".")[0] for name in tar.getnames()})
    return pq.read_metadata(path).num_rows


def reseal(root: Path) -> None:
    """State every listed file that is still there, both tables and the documents as they now are."""
    rows = []
    for row in pq.read_table(root / FILES_TABLE).to_pylist():
        path = root / row["path"]
        if path.exists():
            counted = {} if row["kind"] == "plans" else {"rows": rows_of(path)}
            rows.append({**row, **stated_of(path), **counted})
    pq.write_table(pa.Table.from_pylist(rows, FILE_SCHEMA), root / FILES_TABLE)
    manifest = json.loads((root / MANIFEST).read_text())
    for name in (FILES_TABLE, SOURCES_TABLE):
        manifest["tables"][name] = {**stated_of(root / name), "rows": rows_of(root / name)}
    for name in manifest["documents"]:
        manifest["documents"][name] = {**manifest["documents"][name], **stated_of(root / name)}
    (root / MANIFEST).write_text(json.dumps(manifest))


def edit_manifest(root: Path, **changes: Any) -> None:
    path = root / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_tar(path: Path, edit: Any) -> None:
    """Write a tar anew; `edit(name, content)` returns what stands instead of each member."""
    copy = path.with_suffix(".old")
    shutil.move(path, copy)
    with tarfile.open(copy) as old, tarfile.open(path, "w") as new:
        for member in old.getmembers():
            stream = old.extractfile(member)
            assert stream is not None
            member.name, content = edit(member.name, stream.read())
            member.size = len(content)
            new.addfile(member, io.BytesIO(content))
    copy.unlink()
