"""What makes the pages of docs/, written for a code host, a site of their own.

Links that lead out of docs/ stay as they are in the files. In the site CONTRIBUTING.md and CHANGELOG.md are pages,
other files of the checkout are copied beside them (`source/<path>.txt`), and the notebook is shown as a page.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files beside docs/ to their page."""
NOTEBOOK, TOUR = "notebooks/tour.ipynb", "notebooks/tour.md"
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()([^)\s]+)(\))")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from outside docs/, the notebook as a page, and the source files that pages link to."""
    for name, page in PAGES.items():
        files.append(
            File.generated(config, page, content=_moved((ROOT / name).read_text(encoding="utf-8"), "", "docs"))
        )
    notebook = _notebook_page(files.get_file_from_path(NOTEBOOK).content_string)
    files.append(File.generated(config, TOUR, content=notebook))
    linked = {path for file in files.documentation_pages() for path in _sources(file)}
    for path in sorted(linked):
        files.append(File.generated(config, _copy_of(path), content=(ROOT / path).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Lead links out of docs/ to their page or copy in the site."""
    here = posixpath.dirname(page.file.src_uri)
    if page.file.src_uri == TOUR:
        return markdown
    return LINK.sub(lambda found: found[1] + _in_site(found[2], here) + found[3], markdown)


def _in_site(target: str, here: str) -> str:
    path, mark, anchor = target.partition("#")
    if path and posixpath.normpath(posixpath.join(here, path)) == NOTEBOOK:
        return posixpath.relpath(TOUR, here or ".")
    outside = _outside(path, here)
    if outside is None:
        return target
    return posixpath.relpath(PAGES.get(outside, _copy_of(outside)), here or ".") + mark + anchor


def _outside(path: str, here: str) -> str | None:
    """Where in the checkout a link leads that leaves docs/; None for every other link."""
    if not path or ":" in path:
        return None
    target = posixpath.normpath(posixpath.join("docs", here, path))
    return None if target.startswith("docs/") else target


def _sources(file: File) -> set[str]:
    here = posixpath.dirname(file.src_uri)
    found = {_outside(link[2].partition("#")[0], here) for link in LINK.finditer(file.content_string)}
    return {path for path in found if path and path not in PAGES and (ROOT / path).is_file()}


def _copy_of(path: str) -> str:
    return f"source/{path}.txt"


def _moved(text: str, old: str, new: str) -> str:
    """A text whose relative links are to serve from folder `new` instead of `old`, both relative to the checkout."""

    def move(found: re.Match[str]) -> str:
        if ":" in found[2] or found[2].startswith("#"):
            return found[0]
        return found[1] + os.path.relpath(posixpath.join(old, found[2]), new) + found[3]

    return LINK.sub(move, text)


def _notebook_page(text: str) -> str:
    parts = ["[Download this notebook](tour.ipynb); a test runs it."]
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    title, *rest = parts[1:]
    return "\n\n".join([title, parts[0], *rest]) + "\n"
