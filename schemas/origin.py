"""Where a dataset's raw files are published: addresses, pinned revisions, sizes and check sums, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Access = Literal["open", "token", "by hand"]


@dataclass(frozen=True)
class WebFile:
    """One file at a fixed address, by HTTP(S); a public S3 object has such an address too.

    Attributes:
        url: Address.
        name: Of the file, where the address does not end in it.
        into: Place below the dataset's folder: the folder that an archive is unpacked to, or the path of a plain file.
        part: What `--task` calls it; "" where the dataset has a single part.
        bytes: Size of the file, None where no source states it.
        md5, sha256: Hexadecimal, "" where no source states them: then the first fetch records its own.
        unpack: Whether it is an archive.
        fixed: Whether the publisher serves the same bytes each time. Where a server packs anew for each download, only
            what is inside can be held to the first fetch.
    """

    url: str
    into: str
    name: str = ""
    part: str = ""
    bytes: int | None = None
    md5: str = ""
    sha256: str = ""
    unpack: bool = True
    fixed: bool = True


@dataclass(frozen=True)
class ZenodoFile:
    """One file of a Zenodo record, which states size and MD5 itself where they are not known here.

    Attributes:
        record: Number of the record; a record's files never change, other versions have other numbers.
        name: Of the file; several where sources disagree: the record has one of them.
    """

    record: int
    name: str | tuple[str, ...]
    into: str
    part: str = ""
    bytes: int | None = None
    md5: str = ""
    sha256: str = ""
    unpack: bool = True


@dataclass(frozen=True)
class HubFiles:
    """Files of a dataset repository on Hugging Face; the repository states size and sha256 of each.

    Attributes:
        repo: `owner/name`.
        revision: Commit.
        files: Regular expression of the paths that are taken, whole.
        into: Place below the dataset's folder, a template of `re.sub` on the path; of archives their folder.
        gated: Whether terms have to be accepted on its page first, so that a token is needed.
        unpack: Whether the files are archives.
        optional: Whether a build does without, so that none is no fault.
    """

    repo: str
    revision: str
    files: str
    into: str = r"\g<0>"
    part: str = ""
    gated: bool = False
    unpack: bool = False
    optional: bool = False


@dataclass(frozen=True)
class SynapseFile:
    """One file entity of Synapse, which states size and MD5; needs a personal access token."""

    entity: str
    into: str
    part: str = ""
    unpack: bool = True


@dataclass(frozen=True)
class HandFile:
    """One file that a person downloads, and `--from` takes from there: checked and unpacked like any other.

    Attributes:
        name: As the publisher calls it.
        into: Folder below the dataset's folder that it is unpacked to.
    """

    name: str
    into: str
    part: str = ""
    bytes: int | None = None
    md5: str = ""
    sha256: str = ""
    unpack: bool = True
    fixed: bool = True


Source = WebFile | ZenodoFile | HubFiles | SynapseFile | HandFile


@dataclass(frozen=True)
class Origin:
    """How a dataset's raw files are had.

    Attributes:
        access: "open"; "token": terms are accepted on a page, then a token fetches; "by hand": a person downloads.
        sources: What is fetched.
        bytes_about: Size of all downloads together as stated in words somewhere, None where nobody says.
        steps: What a person does first: sentences, in order.
        after: What a person does when all is fetched.
        layout: Paths below the dataset's folder as a build expects them, one example a kind of file.
        missing: What is not known here, "" for nothing.
    """

    access: Access
    sources: tuple[Source, ...] = ()
    bytes_about: int | None = None
    steps: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    layout: tuple[str, ...] = ()
    missing: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """What `--task` may name, in order."""
        return tuple(dict.fromkeys(source.part for source in self.sources if source.part))
