"""Made parts of hand-written pages: what stands between `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def fill(page: str, blocks: Mapping[str, str]) -> str:
    """The page with each block between its markers.

    Raises:
        ValueError: The page lacks a marker.
    """
    for name, text in blocks.items():
        opening, closing = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        before, found, rest = page.partition(opening)
        _, closed, after = rest.partition(closing)
        if not (found and closed):
            raise ValueError(f"the page lacks the markers <!-- {name} --> and <!-- /{name} -->")
        page = f"{before}{opening}{text.strip()}\n{closing}{after}"
    return page


def table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; columns that are empty in every row are left out."""
    body = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    kept = [i for i in range(len(head)) if any(row[i] for row in body)]
    lines = [[head[i] for i in kept], ["---"] * len(kept), *([row[i] for i in kept] for row in body)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
