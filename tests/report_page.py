"""Read a report as a browser would: its tables, texts and attributes, entities resolved."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

SCRIPTS = (
    "<script>window.hurt = 1</script>",
    "\"><img src=x onerror='window.hurt = 1'>",
    "</script><svg onload=window.hurt=1>",
    "{{ 7 * 7 }}{% raw %} $x^2$ ' onmouseover=window.hurt=1",
)
"""Names that would be scripts if a page let them."""


@dataclass
class Page(HTMLParser):
    """`tags` are (name, attributes) in order; `tables` rows of cell texts by the id of their section."""

    text: str
    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    tables: dict[str, list[list[str]]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._section, self._cell, self._silent = "", None, 0
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append((tag, attributes))
        if tag == "section":
            self._section = attributes["id"]
        elif tag == "tr":
            self.tables.setdefault(self._section, []).append([])
        elif tag in ("td", "th"):
            self._cell = []
        elif tag in ("script", "style"):
            self._silent += 1

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self._cell is not None:
            self.tables[self._section][-1].append(" ".join("".join(self._cell).split()))
            self._cell = None
        elif tag in ("script", "style"):
            self._silent -= 1

    def handle_data(self, data):
        if not self._silent:
            self.words.append(data)
        if self._cell is not None:
            self._cell.append(data)

    def rows(self, section: str) -> list[dict[str, str]]:
        """Rows of a section's table by the heads of its columns."""
        heads, *rows = self.tables[section]
        return [dict(zip(heads, row, strict=True)) for row in rows]

    def of(self, tag: str, word: str = "") -> list[dict[str, str]]:
        """Attributes of the elements of a name, with a word among their classes."""
        return [attributes for name, attributes in self.tags if name == tag and word in attributes.get("class", "")]


def read_page(path: Path) -> Page:
    return Page(path.read_text("utf-8"))


def number(text: str) -> float:
    """The first number of a cell; a dot stands for none."""
    return 0.0 if text == "·" else float(text.split()[0].replace(",", ""))
