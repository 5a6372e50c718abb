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
        rows: Rows of the annotation file of the same name, in order; each must be a sample of adjacent members
            `<slice_id>.json` and, when `with_images`, `<slice_id>.png`, in either order.

    Stops at the first member out of place, since everything after it would be too.
    """
    suffixes = ("json", "png") if with_images else ("json",)
    with findings.guard("tar_members", path), release.open(path) as file, tarfile.open(fileobj=file) as tar:
        for row in rows:
            key = row["slice_id"]
            sample: dict[str, bytes] = {}
            for _ in suffixes:
                due = [f"{key}.{suffix}" for suffix in suffixes if f"{key}.{suffix}" not in sample]
                if not _add_member(tar, path, due, sample, findings):
                    return
            if "." in key or len(key) > LONGEST_KEY:
                findings.fail("tar_members", f"{path}: key {key!r} has a dot or over {LONGEST_KEY} characters")
            findings.count("tar_json")
            if not _is_row(sample[f"{key}.json"], row):
                findings.fail("tar_json", f"{path}: {key}.json is not its annotation row")
            yield sample.get(f"{key}.png", b"")
        extra = tar.next()
        if extra is not None:
            findings.fail("tar_members", f"{path}: {extra.name} is beyond the rows of its annotation file")


def _add_member(tar: tarfile.TarFile, path: str, due: list[str], sample: dict[str, bytes], findings: Findings) -> bool:
    """Add the next member to `sample` by name when it is one of those `due`, else note a failure."""
    member = tar.next()
    findings.count("tar_members")
    name = member.name if member else "the end of the tar"
    content = tar.extractfile(member) if member and name in due else None
    if member is None or content is None:
        findings.fail("tar_members", f"{path}: {name} stands where {due[0]} is due{_key_problem(name)}")
        return False
    if member.mtime or member.uid or member.gid:
        stated = f"mtime {member.mtime}, uid {member.uid}, gid {member.gid}"
        findings.fail("tar_members", f"{path}: {name} has {stated}, expected 0")
    sample[name] = content.read()
    return True


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
