"""The documentation as a site: built without a warning, whole without a network, each link leading somewhere."""

import os
import posixpath
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from checkout import ROOT

DOCS = ROOT / "docs"
LOADED = {("script", "src"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("object", "data"), ("use", "href")}
"""Attributes that a browser fetches when it shows a page; `link` is looked at by its rel."""
FETCHED_RELS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "preconnect", "dns-prefetch", "manifest"}
TAGS = {
    *("html", "head", "title", "meta", "link", "script", "style", "body", "header", "nav", "main", "article", "footer"),
    *("h1", "h2", "h3", "h4", "p", "div", "span", "hr", "br", "a", "em", "strong", "code", "pre", "sup", "sub", "del"),
    *("ul", "ol", "li", "blockquote", "table", "thead", "tbody", "tr", "th", "td", "img", "svg", "path"),
    *("form", "input", "label", "button"),
}
"""What Markdown and the theme make; anything else was written as <word>, taken for HTML, and has vanished."""


@dataclass
class Page(HTMLParser):
    """The links, loaded resources, ids and tags of one built page."""

    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    tags: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.ids |= {found[name] for name in ("id", "name") if found.get(name)}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and FETCHED_RELS & set(found.get("rel", "").split()):
            self.loaded.append(found["href"])
        self.loaded += [value for name, value in found.items() if (tag, name) in LOADED]


def parse(html: str) -> Page:
    page = Page()
    page.feed(html)
    return page


@dataclass(frozen=True)
class Site:
    """A built site and what the build said."""

    root: Path
    said: str

    def pages(self) -> dict[str, Page]:
        return _pages(self.root)

    def broken(self) -> Iterator[str]:
        """ "page: link" for each link of this site that leads nowhere; 404.html has links of a server's root."""
        pages = self.pages()
        for place, page in pages.items():
            if place == "404.html":
                continue
            for link in page.links:
                parts = urlsplit(link)
                if parts.scheme or parts.netloc:
                    continue
                path = unquote(parts.path)
                target = posixpath.normpath(posixpath.join(posixpath.dirname(place), path)) if path else place
                target = "index.html" if target == "." else target
                known = pages[target].ids if target in pages else set()
                if not (self.root / target).is_file() or (parts.fragment and unquote(parts.fragment) not in known):
                    yield f"{place}: {link}"


@cache
def _pages(root: Path) -> dict[str, Page]:
    paths = sorted(root.rglob("*.html"))
    return {path.relative_to(root).as_posix(): parse(path.read_text(encoding="utf-8")) for path in paths}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    root = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(root)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return Site(root, built.stdout + built.stderr)


def test_the_site_is_built_without_a_warning(site: Site) -> None:
    assert [line for line in site.said.splitlines() if not line.startswith("INFO")] == []
    assert len(site.pages()) >= 25


def test_nothing_is_loaded_from_elsewhere(site: Site) -> None:
    for place, page in site.pages().items():
        assert page.loaded != []
        assert [url for url in page.loaded if urlsplit(url).scheme not in ("", "data") or urlsplit(url).netloc] == [], (
            place
        )
    for path in (*site.root.rglob("*.css"), *site.root.rglob("*.js")):
        text = path.read_text(encoding="utf-8")
        assert "fonts.googleapis" not in text
        assert "@import" not in text
        if path.suffix == ".css":
            assert "url(http" not in text.replace('"', "").replace("'", "")


def test_every_link_and_anchor_leads_somewhere(site: Site) -> None:
    assert list(site.broken()) == []
    assert sum(len(page.links) for page in site.pages().values()) > 1000


def test_no_text_is_lost_as_a_tag(site: Site) -> None:
    assert {place: page.tags - TAGS for place, page in site.pages().items() if page.tags - TAGS} == {}
    assert parse("<p>to <release>-<here>").tags - TAGS == {"release", "here"}


def test_every_page_has_its_place(site: Site) -> None:
    groups = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    entries = [entry for group in groups for pages in group.values() for entry in pages]
    placed = [entry if isinstance(entry, str) else next(iter(entry.values())) for entry in entries]
    assert len(placed) == len(set(placed))
    assert sorted({path.name for path in DOCS.glob("*.md")} - set(placed)) == [], "add to nav in mkdocs.yml"
    assert [page for page in placed if not (site.root / page.replace(".md", ".html")).is_file()] == []


def test_links_out_of_the_docs_lead_to_pages_and_copies(site: Site) -> None:
    assert "contributing.html" in {link.partition("#")[0] for link in site.pages()["index.html"].links}
    bench = (ROOT / "benchmarks/bench.py").read_bytes()
    assert (site.root / "source/benchmarks/bench.py.txt").read_bytes() == bench
    assert "source/benchmarks/bench.py.txt" in site.pages()["cost.html"].links
    assert "design.html" in site.pages()["contributing.html"].links


def test_every_link_holds_in_the_checkout_too() -> None:
    """Where pages are read on a code host, links lead to files."""
    broken = []
    for page in (*DOCS.glob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "README.md"):
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
            parts = urlsplit(link)
            if not parts.scheme and parts.path and not (page.parent / unquote(parts.path)).exists():
                broken.append(f"{page.name}: {link}")
    assert broken == []


@pytest.mark.parametrize(
    ("html", "wrong"),
    [
        ('<a href="b.html">', "a.html: b.html"),
        ('<a href="#there">', "a.html: #there"),
        ('<a href="a.html#there">', "a.html: a.html#there"),
        ('<a href="#here">', ""),
        ('<a href="https://example.org/b.html">', ""),
    ],
)
def test_broken_links_are_found(html: str, wrong: str, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(f'<p id="here">{html}')
    assert list(Site(tmp_path, "").broken()) == ([wrong] if wrong else [])


def test_loaded_resources_are_found() -> None:
    html = '<script src="https://cdn/x.js"></script><link rel="stylesheet" href="https://f/c.css"><img src="a.png">'
    assert parse(html + '<a href="x">').loaded == ["https://cdn/x.js", "https://f/c.css", "a.png"]
