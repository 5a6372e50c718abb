"""Whether a file is the one that its publisher states, and the one that was fetched first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from medvision.pipelines.fetch.faults import FetchFault
from medvision.pipelines.fetch.lock import CHUNK, Locked
from medvision.pipelines.fetch.transfer import Remote


def verified(path: Path, remote: Remote, first: Locked | None, told: Callable[[int], None] = lambda count: None) -> str:
    """sha256 of the file. Raises FetchFault where anything that is known of it does not hold."""
    size = path.stat().st_size
    if remote.bytes is not None and size != remote.bytes:
        raise FetchFault("size_differs", remote.name, f"{size:,} bytes, not {remote.bytes:,}")
    digests = {"sha256": hashlib.sha256()}
    if remote.md5:
        digests["md5"] = hashlib.md5(usedforsecurity=False)
    if remote.git_sha1:
        digests["git_sha1"] = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            for digest in digests.values():
                digest.update(data)
            told(len(data))
    for name, digest in digests.items():
        stated = str(getattr(remote, name)).lower()
        if stated and digest.hexdigest() != stated:
            raise FetchFault("checksum_differs", remote.name, f"{name} {digest.hexdigest()}, not {stated}")
    sha256 = digests["sha256"].hexdigest()
    if first is not None and remote.fixed and sha256 != first.sha256:
        raise FetchFault("changed_since", remote.name, f"sha256 {sha256}, then {first.sha256}")
    return sha256
