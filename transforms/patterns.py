"""Path patterns of the dataset tables as regular expressions."""

from __future__ import annotations

import re


def compile_pattern(pattern: str, case: str) -> re.Pattern[str]:
    """A table's pattern as a regular expression for whole relative paths, at any depth.

    `{case}` is the group "case" the first time and the same text after; `{class}` the group "label"; `{a,b}` either
    text; what stands before the pattern is the group "before".
    """
    text = re.escape(pattern).replace(r"\{case\}", "{case}").replace(r"\{class\}", "(?P<label>[^/]+)")
    text = re.sub(r"\\{([\w,]+)\\}", lambda either: f"(?:{either[1].replace(',', '|')})", text)
    text = text.replace("{case}", f"(?P<case>{case})", 1).replace("{case}", "(?P=case)")
    return re.compile(rf"(?P<before>(?:[^/]+/)*){text}\Z")
