"""A proxy before the emulator of Google Cloud Storage that counts requests and spoils some of them as it is told.

It knows two rules of the real service that the emulator does not: creations are held to `ifGenerationMatch=0`, and a
chunk of an upload that was stored before is no error when it is sent again.
"""

import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from urllib.parse import parse_qs, urlsplit

from promises import gcs

KINDS = ("429", "503", "reset", "lost answer", "truncated", "slow")
"""Refusals, a connection reset before and after the request was carried out, half an answer, a late one."""
SLOW_SECONDS = 0.3
HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}

Plan = Callable[[str, str], str]
"""Of a request's method and path, one of KINDS or "" for none."""


def no_faults(method: str, path: str) -> str:
    return ""


class Often:
    """Spoils a request in `every`, at moments that the seed decides, with one kind after another."""

    def __init__(self, every: float, seed: int = 0, kinds: tuple[str, ...] = KINDS) -> None:
        self.every, self.kinds, self.random, self.turn = every, kinds, Random(seed), 0

    def __call__(self, method: str, path: str) -> str:
        if self.random.random() * self.every >= 1:
            return ""
        self.turn += 1
        return self.kinds[self.turn % len(self.kinds)]


class FaultyProxy:
    """The bucket as seen through `url`; `asked` lists the requests as "METHOD path", `injected` counts the faults."""

    def __init__(self, backend: gcs.Bucket, plan: Plan) -> None:
        self.backend, self.plan = backend, plan
        self.asked: list[str] = []
        self.injected: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.server = _Server(("127.0.0.1", 0), partial(_Handler, self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._chunks: dict[tuple[str, str], tuple[HTTPResponse, bytes]] = {}

    def choose(self, method: str, path: str) -> str:
        with self.lock:
            self.asked.append(f"{method} {path}")
            kind = self.plan(method, path)
            if kind:
                self.injected[kind] += 1
            return kind

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[HTTPResponse, bytes]:
        place = urlsplit(self.backend.url)
        with self.lock:  # the emulator takes one request at a time, and a creation is two of them
            connection = HTTPConnection(str(place.hostname), place.port, timeout=60)
            try:
                if self._stands(path, body):
                    connection.request("GET", "/storage/v1/b/none/o/none")
                    answer = connection.getresponse()
                    answer.read()
                    answer.status = 412
                    return answer, b"{}"
                chunk = path, headers.get("Content-Range", "")
                if chunk not in self._chunks:
                    connection.request(method, path, body, headers)
                    answer = connection.getresponse()
                    done = answer, answer.read()
                    if "upload_id" in path:
                        self._chunks[chunk] = done
                    return done
                return self._chunks[chunk]
            finally:
                connection.close()

    def _stands(self, path: str, body: bytes) -> bool:
        """Whether a creation finds an object in its place."""
        asked = parse_qs(urlsplit(path).query)
        if "/upload/" not in path or asked.get("ifGenerationMatch") != ["0"] or "upload_id" in asked:
            return False
        name = asked["name"][0] if "name" in asked else body.split(b'"name": "')[1].split(b'"')[0].decode()
        return name in self.backend.names(name)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Nothing: clients give up questions that another answer has settled, and are killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer: two would wait for each other's receipt
    disable_nagle_algorithm = True

    def __init__(self, proxy: FaultyProxy, *arguments: object) -> None:
        self.proxy = proxy
        super().__init__(*arguments)  # type: ignore[arg-type]

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.proxy.choose(self.command, self.path)
        if kind == "reset":
            return self._reset()
        if kind.isdigit():
            return self._answer(int(kind), {}, b'{"error": {"message": "try again"}}')
        answer, content = self.proxy.forward(self.command, self.path, dict(self.headers), body)
        if kind == "lost answer":
            return self._reset()
        if kind == "slow":
            time.sleep(SLOW_SECONDS)
        headers = {name: value for name, value in answer.getheaders() if name.lower() not in HOP}
        self._answer(answer.status, headers, content, half=kind == "truncated")
        return None

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _handle  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str], content: bytes, half: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) + (half and not content)))
        self.end_headers()
        self.close_connection = half
        self.wfile.write(content[: len(content) // 2] if half else content)

    def _reset(self) -> None:
        """End the connection without a word, as a host does that went away."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing: tests read `asked`."""


@contextmanager
def faulty_proxy(backend: gcs.Bucket, plan: Plan = no_faults) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(backend, plan)
    thread = threading.Thread(target=proxy.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.server.shutdown()
        proxy.server.server_close()
        thread.join()
