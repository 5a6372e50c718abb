"""A figure of Matplotlib as SVG that stands inside a page: no style of its own, colours by classes of the page.

A page with a strict content security policy lets no `style` attribute pass, and ids of several pictures in one page
must differ; so styles become attributes, and only ids that something refers to stay.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
INK, GRID, FIRST, SECOND, EMPTY = "#000101", "#000102", "#000103", "#000104", "#000105"
"""Colours to draw a figure with; the page says what they are, by light and by dark."""
CLASSES = {INK: "ink", GRID: "grid", FIRST: "first", SECOND: "second", EMPTY: "empty"}
PARAMETERS = {
    "svg.fonttype": "none",  # words stay words
    "text.parse_math": False,  # a dollar in a name is a dollar
    "font.family": "DejaVu Sans",
    "font.size": 12.0,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
"""Of Matplotlib, to be in force while a figure is made and saved."""


def inline_svg(figure: Figure, salt: str) -> str:
    """The figure as one `svg` element. `salt` makes its ids its own."""
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": salt}), warnings.catch_warnings():
        # Words stay words, so a letter that Matplotlib's own font lacks is none of its business.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return clean_svg(out.getvalue())


def clean_svg(text: str) -> str:
    """SVG text without metadata, `style` and unused ids, its namespace left to the page."""
    root = ElementTree.fromstring(text)
    used = set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", text))
    kept = {name for pair in used for name in pair if name}
    for parent in root.iter():
        for child in list(parent):
            if child.tag == f"{SVG}style" or not child.tag.startswith(SVG) or child.tag == f"{SVG}metadata":
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
        _flatten(element, kept)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("stroke-linejoin", "round")
    root.set("aria-hidden", "true")
    return ElementTree.tostring(root, encoding="unicode")


def _flatten(element: ElementTree.Element, kept: set[str]) -> None:
    attributes = {name: value for name, value in element.attrib.items() if name not in ("style", "id", "class")}
    if element.get("id") in kept:
        attributes["id"] = element.attrib["id"]
    if (href := attributes.pop(f"{XLINK}href", None)) is not None:
        attributes["href"] = href
    for part in element.get("style", "").split(";"):
        name, _, value = (piece.strip() for piece in part.partition(":"))
        if name == "font":
            size = re.search(r"([\d.]+)px", value)
            attributes["font-size"] = size.group(1) if size else "12"
        elif name:
            attributes[name] = value
    classes = []
    for name in ("fill", "stroke"):
        if (known := CLASSES.get(attributes.get(name, "").lower())) is not None:
            del attributes[name]
            classes.append(f"{name}-{known}")
    if classes:
        attributes["class"] = " ".join(classes)
    element.attrib.clear()
    element.attrib.update(attributes)
