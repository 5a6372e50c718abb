"""Why an archive is not unpacked: one code a rule, and the text that names the member."""

from __future__ import annotations

REFUSALS: dict[str, str] = {
    "parent_path": "a member leads out of the folder by '..'",
    "absolute_path": "a member has an absolute path",
    "drive_path": "a member's path begins with a drive letter",
    "backslash": "a member's path holds a backslash",
    "bad_characters": "a member's name holds control characters or is not valid text",
    "empty_name": "a member has no name",
    "name_too_long": "a member's name is longer than file systems take",
    "duplicate_name": "two members have the same name",
    "case_collision": "two members' names differ in letter case alone: on some disks one would replace the other",
    "unicode_collision": "two members' names are the same text in two encodings of its accents",
    "file_and_folder": "a member is a file and a folder at once",
    "link": "a member is a link",
    "device": "a member is a device, a pipe or a socket",
    "encrypted": "a member is encrypted",
    "too_many_members": "it holds more members than any dataset here",
    "bomb": "it would grow far beyond its own size",
    "no_space": "there is no room for what it holds",
    "overlapping_members": "members share the same bytes of it",
    "size_lies": "a member is longer or shorter than its header says",
    "damaged": "it is damaged",
    "truncated": "it ends before its end",
    "trailing_data": "data follows its end",
    "unsupported_method": "it is packed by a method that is not supported here",
    "rar": "RAR is not unpacked here: unrar or bsdtar do it",
    "not_an_archive": "it is no zip, tar (plain, gz, bz2, xz) or 7z archive",
}
"""Code to its text. The codes stand in docs/fetch.md and in `--json`; a new rule gets a new code."""


class Refused(RuntimeError):
    """An archive breaks a rule; nothing of it was left under its final name.

    Attributes:
        code: Key of REFUSALS.
        member: Name of the member as it stands in the archive, "" where none is to blame.
    """

    def __init__(self, code: str, member: str = "", detail: str = "") -> None:
        self.code = code
        self.member = member
        named = f": {ascii(member)[:200]}" if member else ""
        super().__init__(f"{REFUSALS[code]}{named}{f' ({detail})' if detail else ''} [{code}]")
