"""Bad servers, bad files and killed fetches: nothing wrong is ever left under its final name."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from faulty_web import Served, Web, web
from fetching import NAME, fetch, files_of
from hostile_archives import GOOD_ENTRIES, Entry, lying_zip, write
from torture.report import Section

from medvision.schemas.origin import WebFile

KILLS = 100
"""Fetches killed at scale 1."""
CHILD = Path(__file__).with_name("fetch_child.py")
ENTRIES = (*GOOD_ENTRIES, Entry("images/big.nii.gz", random.Random(5).randbytes(900_000)))
EXPECTED = {f"data/{entry.name}": entry.data for entry in ENTRIES}


@dataclass(frozen=True)
class Fault:
    """A way to serve a file badly.

    Attributes:
        how: Arguments of `Served`.
        code: What a fetch says where the table has the archive's check sum; "" where it ends well all the same.
        unknown: The same where the table has none.
        spoil: What is done to the archive.
    """

    what: str
    how: dict[str, object] = field(default_factory=dict)
    code: str = ""
    unknown: str | None = None
    spoil: Callable[[bytes], bytes] | None = None

    def expected(self, known: bool) -> str:
        return self.code if known or self.unknown is None else self.unknown


def _flip(data: bytes) -> bytes:
    at = len(data) - 2000
    return data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]


FAULTS = (
    Fault("none"),
    Fault("drops each of the first 12 answers after 50 kB", {"cut": 50_000, "cuts": 12}),
    Fault("drops every answer after 20 kB", {"cut": 20_000}),
    Fault("drops every answer at once", {"cut": 0}, "cut"),
    Fault("no ranges", {"ranges": False}),
    Fault("no ranges, drops the first answer after 300 kB", {"ranges": False, "cut": 300_000, "cuts": 1}),
    Fault("no ranges, drops every answer after 300 kB", {"ranges": False, "cut": 300_000}, "cut"),
    Fault("names no version", {"etag": ""}),
    Fault("names no version, drops the first two answers", {"etag": "", "cut": 300_000, "cuts": 2}),
    Fault("names a weak version, no date", {"etag": 'W/"1"'}),
    Fault("names a date alone", {"etag": "", "modified": "Wed, 01 Jan 2025 00:00:00 GMT"}),
    Fault("another range than asked for", {"shift": 7}, "changed_meanwhile"),
    Fault("206 without Content-Range", {"headers": {"Content-Range": None}}),
    Fault("promises 1,000 bytes more", {"promise": 1000}, "cut or changed_meanwhile"),
    Fault("promises 1,000 bytes more, no ranges", {"promise": 1000, "ranges": False}, "cut"),
    Fault("promises 1,000 bytes less, no ranges", {"promise": -1000, "ranges": False}, "checksum_differs", "refused"),
    Fault("sends 500 bytes more than promised", {"extra": b"x" * 500}),
    Fault("tells no length", {"ranges": False, "headers": {"Content-Length": None}}),
    Fault(
        "tells no length, drops after 300 kB",
        {"ranges": False, "headers": {"Content-Length": None}, "cut": 300_000},
        "checksum_differs",
        "refused",
    ),
    Fault("slow: a pause after each 16 kB", {"pause": 0.002}),
    Fault("silent", {"silent": True}, "unreachable"),
    Fault("speaks no HTTP", {"garbage": True}, "unreachable"),
    Fault("status 429 with Retry-After, twice", {"statuses": [429, 429], "retry_after": "0"}),
    Fault("status 500 and 503, then well", {"statuses": [500, 503]}),
    Fault("status 503 for good", {"statuses": [503] * 1000}, "answered"),
    Fault("status 401", {"statuses": [401] * 1000}, "denied"),
    Fault("status 403", {"statuses": [403] * 1000}, "denied"),
    Fault("status 404", {"statuses": [404] * 1000}, "not_found"),
    Fault("status 418", {"statuses": [418] * 1000}, "answered"),
    Fault("status 403 after the first answers", {"statuses": []}, "denied"),
    Fault("redirects in circles", {"location": "/archive"}, "redirect_loop"),
    Fault("redirects to file://", {"location": "file:///etc/hostname"}, "redirect_scheme"),
    Fault("redirects to ftp://", {"location": "ftp://127.0.0.1/archive"}, "redirect_scheme"),
    Fault("redirects without an address", {"location": "http://"}, "redirect_loop"),
    Fault("redirects to another host, which is well", {"location": "OTHER"}),
    Fault("packs on the way (gzip)", {"headers": {"Content-Encoding": "gzip"}}, "encoded"),
    Fault("a login page in its place", {"headers": {"Content-Type": "text/html; charset=utf-8"}}, "web_page"),
    Fault("changes after the first request", {"later": b"LATER"}, "checksum_differs", "refused"),
    Fault("changes with every request", {"later": b"EACH"}, "changed_meanwhile"),
    Fault("changes, under the same version", {"later": b"LATER", "etag": '"same"'}, "checksum_differs", "refused"),
    Fault("a flipped byte", {}, "checksum_differs", "refused", _flip),
    Fault("half of the file", {}, "checksum_differs", "refused", lambda data: data[: len(data) // 2]),
    Fault("no bytes", {}, "checksum_differs", "refused", lambda data: b""),
    Fault("a web page, called a file", {}, "checksum_differs", "refused", lambda data: b"<html>no</html>"),
)
"""Beside each stands what a fetch has to say: with the check sum known, and without."""


def run(scale: float, seed: int) -> list[Section]:
    with tempfile.TemporaryDirectory() as folder:
        return [servers(Path(folder)), killed(Path(folder), max(1, int(KILLS * scale)), seed)]


def servers(folder: Path) -> Section:
    """The fault matrix: each fault, with the archive's check sum in the table and without."""
    section = Section("Faults of servers", ("the server", "check sum known", "check sum unknown", "requests"))
    good = write("zip", ENTRIES, folder / "good.zip").read_bytes()
    other = write("zip", GOOD_ENTRIES, folder / "other.zip").read_bytes()
    for number, fault in enumerate(FAULTS):
        cells, requests = [], 0
        for known in (True, False):
            with web() as server, web() as second:
                _arrange(server, second, fault, good, other)
                root = folder / f"root{number}{known}"
                source = WebFile(
                    f"{server.url}/archive", "data", name="archive.zip", sha256=_sha256(good) if known else ""
                )
                cells.append(_judged(section, fault, known, root, source))
                requests += len(server.asked)
        section.rows.append((fault.what, *cells, requests))
    hostile = {
        "a hostile archive, its check sum right": write("zip", (Entry("../evil"),), folder / "h1").read_bytes(),
        "a lying archive, its check sum right": lying_zip(folder / "h2", 100_000).read_bytes(),
    }
    for what, data in hostile.items():
        fault = Fault(what, code="refused")
        with web() as server:
            source = WebFile(server.serve("/archive", data), "data", sha256=_sha256(data))
            section.rows.append((what, _judged(section, fault, True, folder / what[:9], source), "", len(server.asked)))
    section.notes.append(
        "A cell is `whole` where the data stands under its name and is byte by byte what was packed, else the code of "
        "the fault, and then nothing stands there. A table without the check sum is held to the archive's own."
    )
    return section


def _arrange(server: Web, second: Web, fault: Fault, good: bytes, other: bytes) -> None:
    data = fault.spoil(good) if fault.spoil else good
    served = Served(data, **fault.how)  # type: ignore[arg-type]
    if served.later == b"LATER":
        served.later = _flip(good)
    if served.location == "OTHER":
        served.location = second.serve("/elsewhere", data)
    server.files["/archive"] = served
    if fault.how.get("later") == b"EACH":
        _change_each(server, good)
    if fault.what.startswith("status 403 after"):
        served.statuses = _After(3, 403)


class _After(list[int]):
    """Statuses: well for the first requests, then one status for good."""

    def __init__(self, well: int, status: int) -> None:
        super().__init__([0] * 1000)
        self.well, self.status = well, status

    def __getitem__(self, turn):  # type: ignore[no-untyped-def]
        return self.status if turn >= self.well else 0


def _change_each(server: Web, good: bytes) -> None:
    def answer(asked, body):  # type: ignore[no-untyped-def]
        turn = server.count("/archive")
        data = good[:-1] + bytes([turn % 256])
        headers = {"ETag": f'"{turn}"', "Content-Range": f"bytes 0-0/{len(data)}"}
        conditional = "if-range" in asked.headers
        return (200, {"ETag": f'"{turn}"'}, data) if conditional else (206, headers, data[:1])

    server.files["/archive"] = answer


def _judged(section: Section, fault: Fault, known: bool, root: Path, source: WebFile) -> str:
    what = f"{fault.what}, check sum {'known' if known else 'unknown'}"
    try:
        outcome = fetch(root, source)
    except Exception as error:  # noqa: BLE001 - whatever else comes out is a defect to report
        section.failures.append(f"{what}: {type(error).__name__}: {error}")
        return "CRASHED"
    code = outcome.faults[0].code if outcome.faults else ""
    found = files_of(root / NAME) if (root / NAME).exists() else {}
    if found != ({} if code else EXPECTED):
        section.failures.append(f"{what}: {code or 'fetched'}, and {sorted(found)} stand there")
    if code not in fault.expected(known).split(" or "):
        section.failures.append(f"{what}: {code or 'fetched'}, not {fault.expected(known) or 'fetched'}")
    if (root.parent / "evil").exists():
        section.failures.append(f"{what}: something was written outside")
    return code or "whole"


def killed(folder: Path, kills: int, seed: int) -> Section:
    """Fetches of their own processes, killed at random moments and begun again until they end by themselves."""
    columns = ("signal", "killed", "ended by itself", "bytes sent, of the file's", "seen under the final name")
    section = Section("Fetches that are killed", columns)
    draw = random.Random(seed)
    good = write("zip", ENTRIES, folder / "kill.zip").read_bytes()
    for name, sent_signal in (("SIGKILL", signal.SIGKILL), ("SIGINT (Ctrl-C)", signal.SIGINT)):
        struck = ended = sent = turn = 0
        states: set[str] = set()
        while struck < max(1, kills // 2):
            turn += 1
            root = folder / f"kill{name[:6]}{turn}"
            with web() as server:
                url = server.serve("/archive", good, pause=0.04)
                for _ in range(60):
                    dead = _strike(root, url, good, sent_signal, draw.uniform(0.05, 0.9))
                    states.add(_state(section, root, f"{name}, fetch {turn}"))
                    struck += dead
                    if not dead:
                        break
                ended += 1
                sent += server.sent
            if not (root / NAME).exists() or files_of(root / NAME) != EXPECTED:
                section.failures.append(f"{name}, fetch {turn}: did not end with the data")
            if (root / ".fetch").exists():
                section.failures.append(f"{name}, fetch {turn}: left work behind")
        ratio = sent / (len(good) * ended)
        section.rows.append((name, struck, ended, f"{ratio:.2f}", ", ".join(sorted(states))))
    section.notes.append(
        "Each fetch is begun again until it ends by itself; what had arrived is not sent again. Under the final name "
        "there was nothing, or all of it, at every look."
    )
    return section


def _strike(root: Path, url: str, good: bytes, with_signal: int, after_seconds: float) -> bool:
    """Whether a fetch was ended by the signal, so many seconds after it said that it begins."""
    process = subprocess.Popen(
        [sys.executable, str(CHILD), str(root), url, _sha256(good)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        process.wait(after_seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(with_signal)
    process.wait(60)
    process.stdout.close()
    return process.returncode != 0


def _state(section: Section, root: Path, what: str) -> str:
    found = files_of(root / NAME) if (root / NAME).exists() else {}
    if found not in ({}, EXPECTED):
        section.failures.append(f"{what}: {sorted(found)} stand under the final name")
        return "a part"
    return "all of it" if found else "nothing"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
