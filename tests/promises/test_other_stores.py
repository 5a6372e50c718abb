"""Raw files from a plain web server, and a release in a store of the protocol s3: the bytes of a local build."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFile, MemoryFileSystem
from fsspec.spec import AbstractBufferedFile
from promises.release_bytes import attempts, release_bytes
from promises.tiny_raw import write_kits_case, write_msd_case

from medvision.pipelines.run import run_build
from medvision.schemas.options import BuildOptions
from medvision.transforms import retries

DATASETS = ("KiTS23", "MSD")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("other-stores") / "raw"
    write_kits_case(root, 0)
    write_msd_case(root, 0)
    write_msd_case(root, 1)
    return root


@pytest.fixture(scope="module")
def local(raw: Path) -> dict[str, str]:
    out = raw.with_name("local")
    run_build(BuildOptions(raw=str(raw), out=str(out), datasets=DATASETS))
    return release_bytes(out)


class _Pages(SimpleHTTPRequestHandler):
    """Index pages and files, every fifth answer a refusal."""

    turn = 0
    refused = 0

    def send_head(self) -> Any:
        _Pages.turn += 1
        if _Pages.turn % 5:
            return super().send_head()
        _Pages.refused += 1
        self.send_error(503)
        return None

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def website(raw: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(retries, "FIRST_WAIT_SECONDS", 0.01)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Pages, directory=str(raw)))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_raw_files_of_a_plain_web_server(website: str, raw: Path, local: dict[str, str], tmp_path: Path) -> None:
    odd = raw / "KiTS23/read me & more.txt"  # of no case; a link spells its name otherwise
    odd.write_text("not a case")
    out = tmp_path / "out"
    for _ in range(2):
        run_build(BuildOptions(raw=website, out=str(out), datasets=DATASETS))
        assert release_bytes(out) == local
    assert _Pages.refused > 5
    assert len(attempts(out)) == 3, "the second build found sizes and marks unchanged"
    write_msd_case(raw, 1, seed=1)
    run_build(BuildOptions(raw=website, out=str(out), datasets=DATASETS))
    assert release_bytes(out) != local, "a changed file is noticed"


class Parts(AbstractBufferedFile):
    """An upload in parts: nothing stands under the name before the last one."""

    def _initiate_upload(self) -> None:
        self.parts: list[bytes] = []

    def _upload_chunk(self, final: bool = False) -> bool:
        self.parts.append(self.buffer.getvalue())
        if final:
            MemoryFile(self.fs, self.path, b"".join(self.parts)).commit()
        return True

    def discard(self) -> None:
        self.parts = []


class S3(MemoryFileSystem):
    """Objects in memory under the protocol s3, with what s3fs has beyond a MemoryFileSystem."""

    protocol = "s3"
    store: dict[str, Any] = {}  # noqa: RUF012 (as in the base class)
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(MemoryFileSystem._strip_protocol(path.removeprefix("s3:")))

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        return Parts(self, path, mode, **options) if mode == "wb" else super()._open(path, mode, **options)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: object) -> None:
        if mode == "create" and self.exists(path):
            raise FileExistsError(path)
        MemoryFile(self, self._strip_protocol(path), value).commit()

    def mv(self, *_: object, **__: object) -> None:
        raise AssertionError("objects are not renamed")


def test_a_release_in_an_s3_store(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from medvision.transforms import upload

    monkeypatch.setattr(upload, "PART_BYTES", 1 << 12)
    fsspec.register_implementation("s3", S3, clobber=True)
    try:
        run_build(BuildOptions(raw=str(raw), out="s3://bucket/out", datasets=DATASETS))
        fs = fsspec.filesystem("s3")
        copy = tmp_path / "copy"
        fs.get("/bucket/out/", f"{copy}/", recursive=True)
    finally:
        import_module("fsspec.registry")._registry.pop("s3", None)
    run_build(BuildOptions(raw=str(raw), out=str(tmp_path / "local"), datasets=DATASETS))
    assert release_bytes(copy) == release_bytes(tmp_path / "local")
    assert not [name for name in S3.store if name.endswith(".partial")]
