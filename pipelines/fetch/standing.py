"""What stands in a dataset's folder already: is it what was fetched, or what its publisher states?"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from medvision.pipelines.fetch.faults import FetchFault
from medvision.pipelines.fetch.lock import Locked, LockFile, content_of, listing_of, stamp_of
from medvision.pipelines.fetch.resolve import keys_of, list_key
from medvision.pipelines.fetch.transfer import Remote
from medvision.pipelines.fetch.verify import verified
from medvision.schemas.origin import HubFiles, Source


@dataclass(frozen=True)
class Standing:
    """The files below `folder`, as far as its lock knows them."""

    folder: Path
    lock: LockFile

    def check(self, target: Path, first: Locked) -> None:
        """By the stamp; where that differs by the content, whose new stamp is then noted. Raises FetchFault."""
        files, size, stamp = stamp_of(target)
        if stamp == first.stamp:
            return
        if (files, size) != (first.files, first.content_bytes) or content_of(listing_of(target)) != first.content:
            then = f"{first.files:,} files of {first.content_bytes:,} bytes"
            advice = f"then {then}, now {files:,} of {size:,}; remove {target} to fetch it anew"
            raise FetchFault("changed_on_disk", first.into, advice)
        self.lock.add(replace(first, stamp=stamp))

    def adopt(self, target: Path, remote: Remote) -> None:
        """Take over a file that stands there and is the one that its publisher states. Raises FetchFault."""
        if remote.unpack or target.is_symlink() or not target.is_file() or not (remote.sha256 or remote.git_sha1):
            raise FetchFault("in_the_way", remote.into, f"move {target} away to fetch it, or build from it as it is")
        sha256 = verified(target, remote, None)
        files, size, stamp = stamp_of(target)
        content = content_of([(target.name, size, sha256)])
        self.lock.add(Locked(remote.key, remote.into, size, sha256, files, size, content, stamp))

    def of_source(self, source: Source) -> list[str]:
        """Keys of a source that was fetched as a whole, if all of it stands; nobody is asked. Raises FetchFault."""
        if isinstance(source, HubFiles):
            prefix, whole = f"hub:{source.repo}@{source.revision}/", self.lock.get(list_key(source))
            below = self.lock.below(prefix)
            found = [item for item in below if re.fullmatch(source.files, item[0].removeprefix(prefix))]
            if whole is None or len(found) != whole.files:
                return []
        else:
            found = [(key, locked) for key in keys_of(source) if (locked := self.lock.get(key)) is not None]
            found = [(key, locked) for key, locked in found if locked.into == source.into]
        if not all((self.folder / locked.into).exists() for _, locked in found):
            return []
        for _, locked in found:
            self.check(self.folder / locked.into, locked)
        return [key for key, _ in found]
