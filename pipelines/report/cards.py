"""Cards of the gallery: a slice's picture within a number of bytes, its numbers, and how to see it again."""

from __future__ import annotations

import base64
import io
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from medvision.pipelines.picture.chosen import Chosen, choose
from medvision.pipelines.picture.draw import draw
from medvision.pipelines.picture.facts import facts_of
from medvision.pipelines.picture.source import row_at
from medvision.pipelines.picture.styles import Style
from medvision.pipelines.release import Release, SliceLocation
from medvision.pipelines.report.candidates import Facet
from medvision.pipelines.report.choose import Choice
from medvision.pipelines.report.places import Lowest, Place
from medvision.schemas.pairs import LANDMARK_KINDS
from medvision.transforms.move import move_of

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS, TEXT_SIZE, LINE_WIDTH = 560, 17, 2.4
"""Legible in the gallery too, where a picture has half its size."""
MOST_GROUPS = 40
QUALITIES = (86, 74, 60, 45, 30)
"""Of JPEG, tried until a picture is small enough."""


@dataclass(frozen=True)
class Group:
    """What is said of one label or measure: (what, value) in words."""

    style: Style
    name: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Card:
    """A slice of the gallery.

    Attributes:
        groups: Its numbers, at most MOST_GROUPS of them.
        labels: Names of its labels and measures, as the tables have them.
        kinds: Kinds of pairs that it has, of those of its dataset.
        image: data: URI of `width` x `height` pixels.
        blank: Drawn on an empty grid, for want of an image.
        commands: That show the slice again, OUT standing for the release.
    """

    slice_id: str
    dataset: str
    plane: str
    slice_idx: int
    side: str
    modality: str
    labels: tuple[str, ...]
    kinds: tuple[str, ...]
    flags: tuple[str, ...]
    groups: tuple[Group, ...]
    image: str
    width: int
    height: int
    blank: bool
    commands: tuple[str, ...]


def make_cards(
    release: Release, best: Lowest[Facet], kinds: Mapping[str, Sequence[str]], count: int, most_bytes: int
) -> list[Card]:
    """Up to `count` cards in the order that they were chosen in; together their pictures have `most_bytes` at most.

    Args:
        best: The slice drawn for each facet.
        kinds: Kinds of pairs of each dataset.
    """
    choice, cards, used = Choice(best), list[Card](), 0
    while len(cards) < count and (place := choice.next()) is not None:
        row = row_at(release, _location(release, place))
        card = make_card(row, release.manifest["rules"], kinds[row["dataset"]], most_bytes // count)
        if used + len(card.image) > most_bytes:
            break
        used += len(card.image)
        choice.cover(_facets(card, row))
        cards.append(card)
    return cards


def make_card(row: Mapping[str, Any], rules: str, kinds: Sequence[str], most_bytes: int) -> Card:
    """A card of a row with its image, or without one; its data: URI has `most_bytes` unless that is too few for any."""
    chosen, blank = choose(row, rules), "image" not in row
    picture = draw(row, rules=rules, size=PIXELS, legend=False, blank=blank, line_width=LINE_WIDTH, text_size=TEXT_SIZE)
    facts = facts_of(row, move_of((int(row["height"]), int(row["width"])), "radiological"), chosen)
    groups = [
        Group(style, name, tuple((fact.what, fact.value) for fact in found))
        for (style, name), found in groupby(facts, key=lambda fact: (fact.style, fact.name))
    ]
    names = [segment["name"] for segment in chosen.segments(row)]
    names += [measure["name"] or measure["key"] for measure in chosen.measures(row)]
    slice_id = row["slice_id"]
    view = f"medvision view OUT {shlex.quote(slice_id)}" + (" --blank" if blank else "")
    return Card(
        slice_id,
        row["dataset"],
        row["plane"],
        int(row["slice_idx"]),
        row["side"],
        row["modality"],
        tuple(dict.fromkeys(names)),
        tuple(kind for kind in kinds if _has(kind, row, chosen)),
        tuple(row["flags"] or ()),
        tuple(groups[:MOST_GROUPS]),
        encoded(picture, most_bytes),
        picture.width,
        picture.height,
        blank,
        (view, f"medvision inspect OUT {shlex.quote(slice_id)}"),
    )


def encoded(picture: Image, most_bytes: int) -> str:
    """A JPEG as a data: URI of at most `most_bytes` characters, or as small as it gets."""
    uri = ""
    for quality in QUALITIES:
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality, subsampling=0, optimize=True)  # thin coloured lines stay sharp
        uri = "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
        if len(uri) <= most_bytes:
            break
    return uri


def _has(kind: str, row: Mapping[str, Any], chosen: Chosen) -> bool:
    """Whether the slice has what pairs of the kind are made of."""
    if kind in LANDMARK_KINDS:
        metric = LANDMARK_KINDS[kind]
        return any(metric in ("", measure["metric_type"]) for measure in chosen.measures(row))
    if kind in ("BoxSize", "MaskSize"):
        return bool(row["segments"])
    if chosen.rules.lesion_axes == "conic":
        return any(lesion["ellipses"] for lesion in row["lesions"] or ())
    line = "longest" if kind == "LesionDiameter" else "major_axis"
    return any(region[line] for lesion in row["lesions"] or () for region in lesion["regions"])


def _facets(card: Card, row: Mapping[str, Any]) -> list[Facet]:
    """What the card has shown, in the words of the candidates."""
    types, keys = ({measure[name] for measure in row["biometrics"] or ()} for name in ("metric_type", "key"))
    metrics = {kind for kind, metric in LANDMARK_KINDS.items() if metric in types}
    shown = [("plane", card.plane), *(("kind", kind) for kind in sorted({*card.kinds, *metrics}))]
    shown += [*(("label", name) for name in card.labels), *(("measure", key) for key in sorted(keys))]
    return [Facet(card.dataset, what, name) for what, name in shown]


def _location(release: Release, place: Place) -> SliceLocation:
    data = "data" + place.path.removeprefix("annotations")
    held = any(file.path == data for file in release.files("data"))
    return SliceLocation(place.path, data if held else "", place.row)
