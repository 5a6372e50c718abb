"""What the headers of an answer say: the size, the version, and whether it is what was asked for."""

from __future__ import annotations

import re

import requests

from medvision.pipelines.fetch.faults import FetchFault
from medvision.pipelines.fetch.pieces import Pieces

CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Changed(Exception):
    """The server has another version now, or no ranges after all."""


def check_range(answer: requests.Response, start: int, end: int, pieces: Pieces) -> None:
    """Raises Changed unless the answer is this range of this version."""
    found = CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if answer.status_code != 206 or not found:
        raise Changed
    if tuple(map(int, found.groups())) != (start, end - 1, pieces.total):
        raise Changed
    if validator_of(answer) not in ("", pieces.validator):
        raise Changed


def check_answer(answer: requests.Response, total: int | None, stated: int | None, name: str, what: str) -> None:
    """Raises FetchFault where the answer is a web page, or its size another than the stated one.

    Args:
        name: Of the file; one that is called a web page may be one.
        what: The address, for the message.
    """
    kind = answer.headers.get("Content-Type", "").lower()
    if kind.startswith("text/html") and not name.lower().endswith((".htm", ".html")):
        raise FetchFault("web_page", what, "a login page, perhaps")
    if total is not None and stated is not None and total != stated:
        raise FetchFault("size_differs", what, f"{total:,} bytes, not {stated:,}")


def total_of(answer: requests.Response) -> int | None:
    """Bytes of the whole file as the server says, None where it does not."""
    if answer.status_code == 200:
        length = answer.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() else None
    size = answer.headers.get("Content-Range", "").rpartition("/")[2]
    return int(size) if size.isdecimal() else None


def validator_of(answer: requests.Response) -> str:
    """A strong ETag, else the date of change, else ""."""
    etag = answer.headers.get("ETag", "")
    return etag if etag.startswith('"') else str(answer.headers.get("Last-Modified", ""))
