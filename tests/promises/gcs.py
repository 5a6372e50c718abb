"""An emulator of Google Cloud Storage on a free port of this machine, spoken to by plain HTTP."""

import json
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from gcp_storage_emulator.server import create_server

BUCKET = "promises"


def environment(url: str) -> dict[str, str]:
    """For a process that builds by `gs://` from an emulator, or a proxy before one. gcsfs reads it when imported."""
    return {"STORAGE_EMULATOR_HOST": url, "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false", "MEDVISION_TEST_HURRY": "1"}


class Bucket:
    """One bucket of the emulator at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._ask(f"storage/v1/b?project={BUCKET}", json.dumps({"name": BUCKET}).encode(), "application/json")

    def put(self, folder: Path, prefix: str) -> None:
        for path in (path for path in folder.rglob("*") if path.is_file()):
            name = quote(f"{prefix}/{path.relative_to(folder).as_posix()}", safe="")
            self._ask(f"upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={name}", path.read_bytes())

    def names(self, prefix: str) -> list[str]:
        page = json.loads(self._ask(f"storage/v1/b/{BUCKET}/o?prefix={quote(prefix, safe='')}"))
        assert "nextPageToken" not in page
        return sorted(item["name"] for item in page.get("items", []))

    def get(self, prefix: str, folder: Path) -> Path:
        """Copy all objects below a prefix into a folder."""
        for name in self.names(f"{prefix}/"):
            target = folder / name.removeprefix(f"{prefix}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self._ask(f"download/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}?alt=media"))
        return folder

    def _ask(self, path: str, body: bytes | None = None, kind: str = "application/octet-stream") -> bytes:
        request = urllib.request.Request(f"{self.url}/{path}", body, {"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())


@contextmanager
def emulator() -> Iterator[Bucket]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True)
    server.start()
    try:
        yield Bucket(f"http://127.0.0.1:{port}")
    finally:
        server.stop()
