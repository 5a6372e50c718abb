"""From the sources of a table to files with addresses: what the publisher's own list adds is asked for here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

from medvision.pipelines.fetch.client import Secret, shown
from medvision.pipelines.fetch.faults import FetchFault
from medvision.pipelines.fetch.transfer import Remote, Transfer
from medvision.schemas.origin import HandFile, HubFiles, Source, SynapseFile, WebFile, ZenodoFile


@dataclass(frozen=True)
class Services:
    """Addresses of the services that are asked for lists; other ones in tests."""

    zenodo: str = "https://zenodo.org"
    hub: str = "https://huggingface.co"
    synapse: str = "https://repo-prod.prod.sagebase.org"


@dataclass(frozen=True)
class Resolver:
    """Asks the services, with the user's token where one is given."""

    transfer: Transfer
    services: Services = Services()
    token: str = field(default="", repr=False)

    def remotes(self, source: Source) -> list[Remote]:
        """The files of a source, sorted. Raises FetchFault."""
        if isinstance(source, WebFile):
            return [_web(source)]
        if isinstance(source, HandFile):
            return [_hand(source)]
        if isinstance(source, ZenodoFile):
            return [self._zenodo(source)]
        if isinstance(source, HubFiles):
            return self._hub(source)
        return [self._synapse(source)]

    def _zenodo(self, source: ZenodoFile) -> Remote:
        names = (source.name,) if isinstance(source.name, str) else source.name
        name, size, md5 = names[0], source.bytes, source.md5
        if len(names) > 1 or not (source.md5 or source.sha256):
            record = self._asked("GET", f"{self.services.zenodo}/api/records/{source.record}")
            listed = {str(entry["key"]): entry for entry in _list_of(record, "files")}
            name = next((name for name in names if name in listed), "")
            if not name:
                what = f"Zenodo record {source.record}"
                raise FetchFault(
                    "unlisted", what, f"{' or '.join(names)}; it has {', '.join(sorted(listed)) or 'none'}"
                )
            kind, _, value = str(listed[name].get("checksum", "")).partition(":")
            md5 = md5 or (value if kind == "md5" else "")
            size = size if size is not None else _int(listed[name].get("size"))
        return Remote(
            key=f"zenodo:{source.record}/{name}",
            url=f"{self.services.zenodo}/api/records/{source.record}/files/{quote(name)}/content",
            name=name,
            into=source.into,
            part=source.part,
            bytes=size,
            md5=md5,
            sha256=source.sha256,
            unpack=source.unpack,
            secret=self._secret,
        )

    def _hub(self, source: HubFiles) -> list[Remote]:
        """By the repository's list at the revision: it has the sha256 of large files, and Git's own of small ones."""
        what = f"the dataset {source.repo} on Hugging Face"
        if source.gated and not self._secret:
            raise FetchFault("no_token", what)
        found = []
        for entry in self._tree(source):
            path, lfs = str(entry.get("path", "")), entry.get("lfs") or {}
            matched = re.fullmatch(source.files, path) if entry.get("type") == "file" else None
            if matched is None:
                continue
            found.append(
                Remote(
                    key=f"hub:{source.repo}@{source.revision}/{path}",
                    url=f"{self.services.hub}/datasets/{source.repo}/resolve/{source.revision}/{quote(path)}",
                    name=PurePosixPath(path).name,
                    into=matched.expand(source.into),
                    part=source.part,
                    bytes=_int(entry.get("size")),
                    sha256=str(lfs.get("oid", "")),
                    git_sha1="" if lfs else str(entry.get("oid", "")),
                    unpack=source.unpack,
                    secret=self._secret,
                )
            )
        if not found and not source.optional:
            raise FetchFault("unlisted", what, source.files)
        return sorted(found, key=lambda remote: remote.key)

    def _tree(self, source: HubFiles) -> Iterator[dict[str, Any]]:
        """Entries of the list, page by page. The next page has to lie on the same server."""
        base = f"{self.services.hub}/api/datasets/{source.repo}/tree/{source.revision}"
        url = f"{base}?recursive=true"
        while url:
            entries, following = self._page(url)
            if not isinstance(entries, list):
                raise FetchFault("answered", shown(url), "no list")
            yield from (entry for entry in entries if isinstance(entry, dict))
            if following and not following.startswith(f"{self.services.hub}/"):
                raise FetchFault("answered", shown(url), "its next page lies on another server")
            url = following

    def _page(self, url: str) -> tuple[Any, str]:
        return self.transfer.asking(lambda: self.transfer.client.page(url, self._secret), shown(url))

    def _synapse(self, source: SynapseFile) -> Remote:
        """The newest version of a file: its handle has size and MD5, and a signed address for some minutes."""
        if not self._secret:
            raise FetchFault("no_token", f"Synapse {source.entity}")
        base = self.services.synapse
        entity = self._asked("GET", f"{base}/repo/v1/entity/{source.entity}")
        handle = str(entity.get("dataFileHandleId", ""))
        if not handle:
            raise FetchFault("unlisted", f"Synapse {source.entity}", "it is no file")
        asked = {"fileHandleId": handle, "associateObjectId": source.entity, "associateObjectType": "FileEntity"}
        body = {"requestedFiles": [asked], "includePreSignedURLs": True, "includeFileHandles": True}
        answer = self._asked("POST", f"{base}/file/v1/fileHandle/batch", body)
        found = (_list_of(answer, "requestedFiles") or [{}])[0]
        url, details = str(found.get("preSignedURL", "")), found.get("fileHandle") or {}
        if not url:
            raise FetchFault("denied", f"Synapse {source.entity}", str(found.get("failureCode", "no address")))
        return Remote(
            key=f"synapse:{source.entity}",
            url=url,
            name=str(details.get("fileName") or source.entity),
            into=source.into,
            part=source.part,
            bytes=_int(details.get("contentSize")),
            md5=str(details.get("contentMd5", "")),
            unpack=source.unpack,
        )

    @property
    def _secret(self) -> Secret | None:
        return Secret(self.token) if self.token else None

    def _asked(self, method: str, url: str, body: Any = None) -> dict[str, Any]:
        answer = self.transfer.asking(lambda: self.transfer.client.json(method, url, self._secret, body), shown(url))
        if not isinstance(answer, dict):
            raise FetchFault("answered", shown(url), "no object")
        return answer


def keys_of(source: Source) -> list[str]:
    """What the lock may call the file of a source that has one."""
    if isinstance(source, WebFile):
        return [source.url]
    if isinstance(source, ZenodoFile):
        names = (source.name,) if isinstance(source.name, str) else source.name
        return [f"zenodo:{source.record}/{name}" for name in names]
    if isinstance(source, SynapseFile):
        return [f"synapse:{source.entity}"]
    return [f"by hand:{source.name}"] if isinstance(source, HandFile) else []


def list_key(source: HubFiles) -> str:
    """What the lock calls the fact that all files of a repository are there."""
    return f"hub:{source.repo}@{source.revision} {source.files}"


def _web(source: WebFile) -> Remote:
    name = source.name or PurePosixPath(urlsplit(source.url).path).name
    return _stated(source, source.url, source.url, name)


def _hand(source: HandFile) -> Remote:
    return _stated(source, f"by hand:{source.name}", "", source.name)


def _stated(source: WebFile | HandFile, key: str, url: str, name: str) -> Remote:
    """A file of which the table itself says all that is known."""
    return Remote(
        key=key,
        url=url,
        name=name,
        into=source.into,
        part=source.part,
        bytes=source.bytes,
        md5=source.md5,
        sha256=source.sha256,
        unpack=source.unpack,
        fixed=source.fixed,
    )


def _list_of(answer: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = answer.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _int(value: object) -> int | None:
    return value if isinstance(value, int) else None
