"""What a release is, byte for byte, and which attempts its shards came from."""

import hashlib
from pathlib import Path

SHARD_STORE = ".shards"


def release_bytes(out: Path) -> dict[str, str]:
    """SHA-256 of every file of a release by its path; the shard store is not part of it."""
    files = (path for path in out.rglob("*") if path.is_file())
    relative = {path.relative_to(out).as_posix(): path for path in files}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in sorted(relative.items())
        if name.split("/")[0] != SHARD_STORE
    }


def digest(files: dict[str, str]) -> str:
    """One hash over the paths and hashes of all files."""
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def attempts(out: Path) -> set[str]:
    """Paths of the attempts that stand in the shard store: "<key>/attempt-<name>"."""
    store = out / SHARD_STORE
    return {path.relative_to(store).as_posix() for path in store.glob("*/attempt-*")}
