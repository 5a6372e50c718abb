"""Checks on WebDataset shards: the rows of the annotation file, in order, under keys that loaders accept."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from typing import Any

from medvision.pipelines.checks.findings import Findings
from medvision.pipelines.release import Release

LONGEST_KEY = 128


def tar_images(
    release: Release, path: str, rows: Iterator[dict[str, Any]], with_images: bool, findings: Findings
) -> Iterator[bytes]:
    """Check a tar member by member, and yield the PNG bytes of each row (b"" when `with_images` is False).

    Args:
        path: The tar, relative to the release root.
        rows: Rows of the annotation file of the same name, in order; each must be a sample `<slice_id>.json`,
            after its `<slice_id>.png` when `with_images`.

    Stops at the first member out of place, since everything after it would be too.
    """
    with findings.guard("tar_members", path), release.open(path) as file, tarfile.open(fileobj=file) as tar:
        for row in rows:
            image = b""
            if with_images:
                found = _member(tar, path, row["slice_id"], "png", findings)
                if found is None:
                    return
                image = found
            text = _member(tar, path, row["slice_id"], "json", findings)
            if text is None:
                return
            findings.count("tar_json")
            if not _is_row(text, row):
                findings.fail("tar_json", f"{path}: {row['slice_id']}.json is not its annotation row")
            yield image
        extra = tar.next()
        if extra is not None:
            findings.fail("tar_members", f"{path}: {extra.name} is beyond the rows of its annotation file")


def _member(tar: tarfile.TarFile, path: str, key: str, suffix: str, findings: Findings) -> bytes | None:
    """Content of the next member when it is `<key>.<suffix>`, else None and a failure."""
    member = tar.next()
    findings.count("tar_members")
    name = member.name if member else "the end of the tar"
    wanted = f"{key}.{suffix}"
    if member is None or name != wanted or not member.isfile():
        findings.fail("tar_members", f"{path}: {name} stands where {wanted} is due{_key_problem(name)}")
        return None
    if "." in key or len(key) > LONGEST_KEY:
        findings.fail("tar_members", f"{path}: key {key!r} has a dot or more than {LONGEST_KEY} characters")
    if member.mtime or member.uid or member.gid:
        stated = f"mtime {member.mtime}, uid {member.uid}, gid {member.gid}"
        findings.fail("tar_members", f"{path}: {name} has {stated}, expected 0")
    content = tar.extractfile(member)
    return content.read() if content else None


def _key_problem(name: str) -> str:
    key, _, suffix = name.partition(".")
    if "." in suffix:
        return " (its key has a dot)"
    return " (its key is too long)" if len(key) > LONGEST_KEY else ""


def _is_row(text: bytes, row: dict[str, Any]) -> bool:
    """Whether JSON `text` is `row`; NaN, which equals nothing, is compared by its text."""
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return found == row or json.dumps(found, sort_keys=True) == json.dumps(row, sort_keys=True)
