"""`medvision report`: one page about a release."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from medvision.pipelines.release import Release, ReleaseError, open_current
from medvision.pipelines.report.cards import Card, make_cards
from medvision.pipelines.report.charts import make_charts
from medvision.pipelines.report.letters import read_letters
from medvision.pipelines.report.page import Content, render_page
from medvision.pipelines.report.survey import survey
from medvision.pipelines.report.tables import dataset_rows, label_rows, licence_rows, measure_rows
from medvision.pipelines.stats import count_release
from medvision.schemas.rules import RULES
from medvision.transforms.store import Store

PLACE = "report/index.html"
"""Below the release root: a folder of its own, which `medvision validate` lets be."""
SHARE = 0.8
"""Of the page's bytes that pictures may take."""
ENDINGS = (".html", ".htm")


@dataclass(frozen=True)
class Written:
    """A page that was written: where, its size, and how many slices and doubts it shows."""

    place: str
    bytes: int
    slices: int
    datasets: int
    doubts: int
    letters: int
    imageless: int


def write_report(url: str, to: str = "", samples: int = 120, most_mb: float = 25.0) -> Written:
    """Write the page of a release; memory grows with the page, not with the release.

    Args:
        url: Local path or fsspec URL of the release root.
        to: Path or URL of the page; "" is PLACE in the release.
        samples: Slices of the gallery at most, 0 for none.
        most_mb: Size of the page at most, in millions of bytes: pictures are coarser, then fewer, to keep to it.

    Raises:
        ReleaseError: No readable release, or the page cannot be written there.
        ValueError: Another ending than .html, or a page that is larger even without pictures.
    """
    place = to or f"{url.rstrip('/')}/{PLACE}"
    if not place.endswith(ENDINGS):
        raise ValueError(f"--to {place} ends in none of {', '.join(ENDINGS)}; the report is a web page")
    release = open_current(url)
    content = gather(release, samples, int(most_mb * 1e6 * SHARE))
    page = _within(content, int(most_mb * 1e6))
    folder, _, name = place.replace("\\", "/").rpartition("/")
    try:
        Store(folder or ".").replace(name, page)
    except OSError as error:
        raise ReleaseError(
            f"{place} cannot be written ({error.strerror or error}); name another place by --to"
        ) from None
    return Written(
        place,
        len(page),
        page.count(b"<article "),
        len(content.datasets),
        len(content.doubts),
        content.letters.total,
        sum(not row.has_images for row in content.datasets),
    )


def gather(release: Release, samples: int, picture_bytes: int) -> Content:
    """Everything that the page shows, in four passes over annotations and pairs and one look at each picture."""
    rules = RULES[release.manifest["rules"]]
    stats, found = count_release(release.url, "label"), survey(release, rules)
    datasets, measures = dataset_rows(release, stats, found), measure_rows(found)
    kinds = {row.name: tuple(row.pairs) for row in datasets}
    sizes: Counter[str] = Counter()
    for file in release.files():
        sizes[file.kind] += file.bytes
    return Content(
        manifest=release.manifest,
        bytes_by_kind=dict(sorted(sizes.items())),
        datasets=datasets,
        labels=label_rows(stats, found),
        measures=measures,
        licences=licence_rows(row.name for row in datasets),
        charts=make_charts(datasets, measures, found),
        doubts=found.doubts,
        letters=read_letters(release),
        cards=make_cards(release, found.candidates.best, kinds, samples, picture_bytes),
    )


def _within(content: Content, most_bytes: int) -> bytes:
    """The page, with as many cards, in the order they were chosen in, as keep it within `most_bytes`."""
    cards = list(content.cards)
    while len(page := render_page(replace(content, cards=sorted(cards, key=_order)))) > most_bytes:
        if not cards:
            raise ValueError(
                f"the page has {len(page) / 1e6:.1f} MB without pictures, --max-mb allows {most_bytes / 1e6:g}; "
                "allow more"
            )
        cards = cards[: len(cards) // 2]
    return page


def _order(card: Card) -> tuple[str, str, str]:
    return card.dataset, card.plane, card.slice_id
