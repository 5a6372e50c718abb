"""The table of sources, and how to get what no program may fetch: all of it from the datasets' tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from medvision.schemas.dataset import Dataset
from medvision.schemas.origin import HandFile, HubFiles, Origin, Source, SynapseFile, WebFile, ZenodoFile

NO_ORIGIN = Origin("by hand", missing="where its files are: the table does not say")
TOKEN_PAGES = {
    "hub": "https://huggingface.co/settings/tokens",
    "synapse": "https://www.synapse.org, Account settings, Personal access tokens (scopes view and download)",
}


def source_row(dataset: Dataset) -> dict[str, Any]:
    """A dataset's line of the table, for people and for `--json`."""
    origin = dataset.origin or NO_ORIGIN
    stated = [getattr(source, "bytes", None) for source in origin.sources]
    size = sum(stated) if stated and None not in stated else origin.bytes_about  # type: ignore[arg-type]
    return {
        "dataset": dataset.name,
        "access": origin.access,
        "from": ", ".join(dict.fromkeys(map(publisher, origin.sources))),
        "files": len(origin.sources),
        "parts": list(origin.parts),
        "bytes": size,
        "bytes_exact": bool(stated) and None not in stated,
        "checked_by": check_kind(origin.sources),
        "licence": dataset.licence,
        "spdx": dataset.spdx,
        "missing": origin.missing,
        "sources": [source_line(source) for source in origin.sources],
        "steps": list(origin.steps),
        "after": list(origin.after),
        "layout": list(origin.layout),
    }


def publisher(source: Source) -> str:
    """Who serves it, in a word or two."""
    if isinstance(source, ZenodoFile):
        return "Zenodo"
    if isinstance(source, HubFiles):
        return "Hugging Face"
    if isinstance(source, SynapseFile):
        return "Synapse"
    if isinstance(source, HandFile):
        return "its page"
    host = source.url.split("/")[2]
    return "S3" if host.endswith(".amazonaws.com") else host


def check_kind(sources: Iterable[Source]) -> str:
    """Whose check sums the files are held to."""
    kinds = set()
    for source in sources:
        if isinstance(source, HubFiles | SynapseFile):
            kinds.add("publisher's list")
        elif source.sha256 or source.md5:
            kinds.add("table")
        elif isinstance(source, ZenodoFile):
            kinds.add("publisher's list")
        else:
            kinds.add("first fetch")
    return ", ".join(sorted(kinds)) or ""


def source_line(source: Source) -> str:
    """Where a source is and where it goes, in one line."""
    if isinstance(source, ZenodoFile):
        name = source.name if isinstance(source.name, str) else " or ".join(source.name)
        where = f"https://zenodo.org/records/{source.record} {name}"
    elif isinstance(source, HubFiles):
        where = f"https://huggingface.co/datasets/{source.repo}/tree/{source.revision} {source.files}"
    elif isinstance(source, SynapseFile):
        where = f"https://www.synapse.org/Synapse:{source.entity}"
    elif isinstance(source, WebFile):
        where = source.url
    else:
        where = source.name
    size = getattr(source, "bytes", None)
    return f"{where} -> {source.into}{'/' if source.unpack else ''}" + (f" ({size / 1e9:,.2f} GB)" if size else "")


def instructions(dataset: Dataset, root: str = "ROOT") -> list[str]:
    """What a person does to get a dataset: lines of text."""
    origin = dataset.origin or NO_ORIGIN
    lines = [f"{dataset.name}: {dataset.homepage}"]
    lines += [f"  licence: {dataset.licence or 'none stated; read the terms on its page'}"]
    if "https://" not in "".join(origin.steps):
        lines += [f"  page: {url}" for url in dataset.data_urls]
    steps = list(origin.steps)
    names = [source.name for source in origin.sources if isinstance(source, HandFile)]
    here = f"--to {root}"
    if any(isinstance(source, HubFiles | SynapseFile) for source in origin.sources) and origin.access == "token":
        kind = "hub" if any(isinstance(source, HubFiles) for source in origin.sources) else "synapse"
        steps.append(f"Make a token: {TOKEN_PAGES[kind]}; keep it in a file that only you can read.")
        steps.append(f"medvision fetch {dataset.name} {here} --token-file FILE")
    if names:
        steps.append(f"Put {', '.join(names)} into one folder, as downloaded: DIR.")
        steps.append(f"medvision fetch {dataset.name} {here} --from DIR checks and unpacks")
    steps += origin.after
    lines += [f"  {number}. {step}" for number, step in enumerate(steps, 1)]
    if origin.layout:
        lines.append(f"  or put the files yourself, at any depth below {root}/{dataset.name}/, as")
        lines += [f"     {path}" for path in origin.layout]
    lines.append(f"  then: medvision check {root} {dataset.name}")
    if origin.missing:
        lines.append(f"  not known here: {origin.missing}")
    return lines
