"""Passwords and signatures of URLs: refused where a URL is given, cut out where a message quotes one."""

from __future__ import annotations

import re

URL = re.compile(r"([a-z][a-z0-9+.-]*://)([^\s/'\"<>@]*@)?([^\s'\"<>?#]*)([?#][^\s'\"<>]*)?", re.IGNORECASE)
CUT = "[cut]"


def without_secrets(text: str) -> str:
    """The text with the user part and the query of each URL in it cut: there stand passwords and signatures."""
    return URL.sub(_cut, text)


def _cut(match: re.Match[str]) -> str:
    scheme, user, place, query = match.groups()
    return f"{scheme}{f'{CUT}@' if user else ''}{place}{f'{query[0]}{CUT}' if query else ''}"


def check_no_secrets(what: str, url: str) -> None:
    """Raises ValueError for a URL with a user, password or query: it would stand in job files, logs and messages."""
    match = URL.search(url)
    if match is not None and (match[2] or match[4]):
        raise ValueError(
            f"{what} {without_secrets(url)!r} holds a user, password or query. Leave them out, and give credentials as "
            "the store's own library finds them (environment, key file, a file below ~/.config/fsspec): docs/storage.md"
        )
