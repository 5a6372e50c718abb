"""What can go wrong with a fetch: one code a cause, and the text that says what to do."""

from __future__ import annotations

FAULTS: dict[str, str] = {
    "unreachable": "the server cannot be reached",
    "cut": "the connection broke again and again",
    "denied": "the server wants a login, or terms that were not accepted",
    "not_found": "the server has no such file",
    "answered": "the server refuses",
    "redirect_loop": "the server redirects in circles",
    "redirect_scheme": "the server redirects to an address that is not http or https",
    "redirect_downgrade": "the server redirects from https to http",
    "encoded": "the server packs the file on its way, so that its bytes cannot be checked",
    "web_page": "the server sends a web page in place of the file",
    "changed_meanwhile": "the file changes on the server while it is fetched",
    "size_differs": "the file has another size than its publisher states",
    "checksum_differs": "the file has another check sum than its publisher states",
    "changed_since": "the file is not the one that was fetched first",
    "changed_on_disk": "what was fetched has been changed",
    "in_the_way": "something that this command did not fetch stands in its place",
    "no_space": "the disk is too small",
    "disk": "the disk refuses",
    "other_disk": "the dataset's folder is on another disk than the folder beside it: nothing can be renamed into it",
    "no_token": "a token is needed",
    "unlisted": "the publisher's list has no such file",
    "not_given": "a person has to download it first",
    "refused": "the archive is not unpacked",
}
"""Code to its text; docs/fetch.md has the table."""


class FetchFault(RuntimeError):
    """One file could not be had. Nothing of it stands under its final name.

    Attributes:
        code: Key of FAULTS.
    """

    def __init__(self, code: str, what: str, detail: str = "") -> None:
        self.code = code
        self.what = what
        super().__init__(f"{what}: {FAULTS[code]}{f' ({detail})' if detail else ''} [{code}]")


class Stopped(RuntimeError):
    """Another part of the fetch has ended it; what was fetched so far is kept."""
