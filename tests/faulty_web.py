"""A web server for tests that behaves as told: well, or badly in one of many ways."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHUNK = 1 << 14


@dataclass
class Served:
    """One file and how it is served. A number of requests says how many of the first ones are served badly.

    Attributes:
        ranges: Whether ranges are honoured.
        etag, modified: Names of the version; "" sends none, "auto" the hash of the data.
        statuses: Status of the first requests, in order, in place of an answer.
        retry_after: Header of those.
        cut: Bytes after which the connection is dropped, for the first `cuts` answers.
        location: Redirects there.
        promise: Bytes more than there are, in Content-Length and Content-Range.
        extra: Bytes sent beyond the promised.
        shift: Bytes by which a range is wrong, and says so.
        headers: Sent too; None removes one.
        pause: Seconds after each chunk.
        silent: Whether nothing at all is answered.
        garbage: Whether no HTTP is spoken.
        later: Data of every request after the first `switch`.
    """

    data: bytes
    ranges: bool = True
    etag: str = "auto"
    modified: str = ""
    statuses: list[int] = field(default_factory=list)
    retry_after: str = ""
    cut: int = -1
    cuts: int = 10**9
    location: str = ""
    promise: int = 0
    extra: bytes = b""
    shift: int = 0
    headers: dict[str, str | None] = field(default_factory=dict)
    pause: float = 0.0
    silent: bool = False
    garbage: bool = False
    later: bytes = b""
    switch: int = 1


@dataclass
class Asked:
    """One request that came."""

    path: str
    headers: dict[str, str]
    method: str = "GET"


class Web:
    """A running server: `files` by path, `asked` as requests came, `sent` bytes of bodies."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.server = server
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.files: dict[str, Served | Callable[[Asked, bytes], tuple[int, dict[str, str], bytes]]] = {}
        self.asked: list[Asked] = []
        self.sent = 0
        self.stop = threading.Event()

    def serve(self, path: str, data: bytes, **how: object) -> str:
        """Address of new data."""
        self.files[path] = Served(data, **how)  # type: ignore[arg-type]
        return f"{self.url}{path}"

    def count(self, path: str) -> int:
        return sum(asked.path.partition("?")[0] == path for asked in self.asked)


@contextmanager
def web() -> Iterator[Web]:
    """A server of its own port until the block ends."""

    class Handler(_Handler):
        pass

    server = _Server(("127.0.0.1", 0), Handler)
    found = Web(server)
    Handler.web = found
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.stop.set()
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever is tested has hung up: no news."""


class _Handler(BaseHTTPRequestHandler):
    web: Web
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_POST(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, self.command)
        body = self.rfile.read(int(asked.headers.get("content-length", 0)))
        path = self.path.partition("?")[0]
        turn = self.web.count(path)
        self.web.asked.append(asked)
        served = self.web.files.get(path)
        if served is None:
            self._plain(403, {"Content-Type": "application/xml"}, b"<Error><Code>AccessDenied</Code></Error>")
        elif callable(served):
            self._plain(*served(asked, body))
        else:
            self._file(served, asked, turn)

    def _plain(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _file(self, served: Served, asked: Asked, turn: int) -> None:
        if served.silent:
            self.web.stop.wait(30)
            self.close_connection = True
            return
        if served.garbage:
            self.wfile.write(b"\x00\xff this is no HTTP\r\n\r\n")
            self.close_connection = True
            return
        if turn < len(served.statuses) and served.statuses[turn]:
            headers = {"Retry-After": served.retry_after} if served.retry_after else {}
            self._plain(served.statuses[turn], headers, b"no")
            return
        if served.location:
            self._plain(302, {"Location": served.location}, b"")
            return
        data = served.later if served.later and turn >= served.switch else served.data
        etag = f'"{hashlib.md5(data).hexdigest()}"' if served.etag == "auto" else served.etag
        versions = [version for version in (etag, served.modified) if version]
        start, end, status = 0, len(data), 200
        wanted = asked.headers.get("range", "")
        condition = asked.headers.get("if-range", "")
        if served.ranges and wanted.startswith("bytes=") and (not condition or condition in versions):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end, status = int(first), min(len(data), int(last or len(data) - 1) + 1), 206
            if start >= len(data):
                self._plain(416, {"Content-Range": f"bytes */{len(data)}"}, b"")
                return
            start, end = max(0, start + served.shift), max(0, end + served.shift)
        headers: dict[str, str | None] = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(end - start + served.promise),
            "ETag": etag or None,
            "Last-Modified": served.modified or None,
            "Accept-Ranges": "bytes" if served.ranges else None,
            **({"Content-Range": f"bytes {start}-{end - 1}/{len(data) + served.promise}"} if status == 206 else {}),
            **served.headers,
        }
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self._body(served, data[start:end] + served.extra, turn)

    def _body(self, served: Served, body: bytes, turn: int) -> None:
        limit = served.cut if served.cut >= 0 and turn < served.cuts else len(body)
        for at in range(0, min(limit, len(body)), CHUNK):
            piece = body[at : min(at + CHUNK, limit)]
            try:
                self.wfile.write(piece)
            except OSError:
                self.close_connection = True
                return
            self.web.sent += len(piece)
            if served.pause:
                time.sleep(served.pause)
        if limit < len(body) or served.promise or served.extra or served.headers.get("Content-Length", "") is None:
            self.close_connection = True
