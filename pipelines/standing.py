"""What stands in the folder of a release, and whether a build may put its own in place of it."""

from __future__ import annotations

import json
from typing import Any

from medvision.schemas.options import BuildOptions
from medvision.schemas.plans import PLANS
from medvision.schemas.record import (
    CARD,
    CROISSANT,
    FILES_TABLE,
    MANIFEST,
    PUBLISHED_KINDS,
    PUBLISHING,
    SHARD_STORE,
    SOURCES_TABLE,
)
from medvision.schemas.rows import SCHEMA_VERSION
from medvision.transforms.plan import ALGORITHM_VERSION
from medvision.transforms.store import Store

FORMAT = "medvision-release"
WRITTEN = {*PUBLISHED_KINDS, "pairs", PLANS, "dead_letters", CARD, CROISSANT, FILES_TABLE, MANIFEST, SOURCES_TABLE}
"""Names in a release's folder that publishing writes, or clears of what it did not write."""
LISTED = 3


class ReleaseStands(ValueError):
    """The folder holds something that the build must not replace; the message says what, and what to do."""


def identity(options: BuildOptions) -> dict[str, Any]:
    """What of a manifest tells one release from another: datasets, rules, switches and versions."""
    about = {
        "datasets": sorted(options.datasets),
        "rules": options.rules,
        "switches": options.shard_switches(),
        "annotations_only": options.annotations_only,
        "plans": PLANS in options.formats,
        "limit": options.limit,
        "schema_version": SCHEMA_VERSION,
        "algorithm_version": ALGORITHM_VERSION,
    }
    return dict(json.loads(json.dumps(about)))


def peek_manifest(store: Store) -> dict[str, Any] | None:
    """The manifest that stands in a folder, None without one.

    Raises:
        ReleaseStands: It is no release's.
    """
    text = store.read_if_any(MANIFEST)
    return None if text is None else _parsed(store, MANIFEST, text)


def check_standing(options: BuildOptions) -> None:
    """Raises ReleaseStands where a build must not publish into its folder.

    A folder keeps one release: of the same datasets, rules and switches, no larger one, and of no newer program; all
    that gives way to `options.replace`. A publish that was interrupted counts as the release that it was to be. Files
    that are no release's never give way.
    """
    store = Store(options.out)
    standing = peek_manifest(store) or _interrupted(store)
    if standing is None:
        _check_foreign(store)
    elif not options.replace:
        _check_same(options.out, standing, identity(options))


def _check_same(out: str, standing: dict[str, Any], asked: dict[str, Any]) -> None:
    versions = [(standing.get(name, 0), asked[name]) for name in ("schema_version", "algorithm_version")]
    if any(theirs > ours for theirs, ours in versions):
        raise ReleaseStands(
            f"{out} holds a release of a newer program (schema {versions[0][0]}, algorithm {versions[1][0]}; this one "
            f"has {versions[0][1]} and {versions[1][1]}); upgrade it, choose another folder, or pass --replace"
        )
    held = sorted(standing.get("datasets", ()))
    if held != asked["datasets"]:
        raise ReleaseStands(
            f"{out} holds a release of {', '.join(held)}; name the same datasets, choose another folder, or pass "
            "--replace"
        )
    if standing.get("rules") != asked["rules"]:
        raise ReleaseStands(
            f"{out} holds a release by rules {standing.get('rules')}, not {asked['rules']}; choose another folder, or "
            "pass --replace"
        )
    built = standing.get("switches", {})
    differing = sorted(name for name in asked["switches"] if asked["switches"][name] != built.get(name))
    if asked["annotations_only"] != standing.get("annotations_only", []):
        differing.append("licences")
    if differing:
        raise ReleaseStands(
            f"{out} holds a release built with other {', '.join(differing)}; choose another folder, or pass --replace"
        )
    if standing.get("plans") and not asked["plans"]:
        raise ReleaseStands(f"{out} holds a release with plans; keep them in --formats, or pass --replace")
    limit = standing.get("limit", 0)
    if asked["limit"] and (not limit or asked["limit"] < limit):
        raise ReleaseStands(
            f"{out} holds a release of {f'{limit} cases a dataset' if limit else 'all cases'}, more than --limit "
            f"{asked['limit']}; choose another folder, or pass --replace"
        )


def _interrupted(store: Store) -> dict[str, Any] | None:
    """What an interrupted publish was to be, by the second line of its mark; None where there is none."""
    lines = (store.read_if_any(PUBLISHING) or b"").splitlines()
    return _parsed(store, PUBLISHING, lines[1]) if len(lines) > 1 else None


def _parsed(store: Store, name: str, text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("format", FORMAT) != FORMAT:
        raise ReleaseStands(f"{store.url}/{name} is no release's; choose another folder for the release")
    return found


def _check_foreign(store: Store) -> None:
    """Whatever stands where publishing writes, in a folder without a shard store, is somebody's and would be lost."""
    names = store.entries()
    if SHARD_STORE in names or PUBLISHING in names:
        return
    if foreign := sorted(set(names) & WRITTEN):
        more = f" and {len(foreign) - LISTED} more" if len(foreign) > LISTED else ""
        raise ReleaseStands(
            f"{store.url} is no release's folder and holds {', '.join(foreign[:LISTED])}{more}, which publishing would "
            "overwrite or clear; choose an empty folder"
        )
