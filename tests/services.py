"""Zenodo, Hugging Face and Synapse on a test's server, as far as a fetch asks them."""

import hashlib
import json
from urllib.parse import parse_qs, urlsplit

from faulty_web import Asked, Web

from medvision.pipelines.fetch.resolve import Services

TOKEN = "secret-token-1234"


def services(server: Web) -> Services:
    return Services(server.url, server.url, server.url)


def zenodo(server: Web, record: int, files: dict[str, bytes]) -> None:
    """A record that lists its files with size and MD5, and serves them."""
    entries = [
        {"key": name, "size": len(data), "checksum": f"md5:{hashlib.md5(data).hexdigest()}"}
        for name, data in files.items()
    ]
    server.files[f"/api/records/{record}"] = lambda asked, body: _json({"id": record, "files": entries})
    for name, data in files.items():
        server.serve(f"/api/records/{record}/files/{name}/content", data)


def hub(server: Web, repo: str, revision: str, files: dict[str, bytes], gated: bool = False, page: int = 2) -> None:
    """A repository: its list comes in pages, large files have a sha256, small ones Git's hash."""
    entries = [_entry(path, data) for path, data in sorted(files.items())]
    entries.insert(0, {"type": "directory", "path": "images", "oid": "0" * 40})
    address = f"/api/datasets/{repo}/tree/{revision}"

    def tree(asked: Asked, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if gated and asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {}, b"gated"
        start = int(parse_qs(urlsplit(asked.path).query).get("cursor", ["0"])[0])
        following = f'<{server.url}{address}?recursive=true&cursor={start + page}>; rel="next"'
        headers = {"Link": following} if start + page < len(entries) else {}
        return _json(entries[start : start + page], headers)

    server.files[address] = tree
    for path, data in files.items():
        server.serve(f"/datasets/{repo}/resolve/{revision}/{path}", data)


def synapse(server: Web, entity: str, name: str, data: bytes) -> None:
    """A file entity whose handle has size and MD5, and a signed address that takes no token."""
    number = entity.removeprefix("syn")
    address = server.serve(f"/signed/{entity}", data)
    details = {"fileName": name, "contentSize": len(data), "contentMd5": hashlib.md5(data).hexdigest()}

    def describe(asked: Asked, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if asked.headers.get("authorization") != f"Bearer {TOKEN}":
            return 403, {}, b"{}"
        return _json({"id": entity, "name": name, "dataFileHandleId": number})

    def handles(asked: Asked, body: bytes) -> tuple[int, dict[str, str], bytes]:
        wanted = json.loads(body)["requestedFiles"][0]
        found = server.handles[wanted["fileHandleId"]]  # type: ignore[attr-defined]
        return _json({"requestedFiles": [found]})

    server.files[f"/repo/v1/entity/{entity}"] = describe
    server.files["/file/v1/fileHandle/batch"] = handles
    known = server.__dict__.setdefault("handles", {})
    known[number] = {"preSignedURL": f"{address}?X-Amz-Signature=abc", "fileHandle": details}


def _entry(path: str, data: bytes) -> dict[str, object]:
    entry: dict[str, object] = {"type": "file", "path": path, "size": len(data)}
    if path.endswith(".csv"):
        return {**entry, "oid": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
    return {**entry, "oid": "1" * 40, "lfs": {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)}}


def _json(value: object, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Content-Type": "application/json", **(headers or {})}, json.dumps(value).encode()
