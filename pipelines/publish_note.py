"""A note in the shard store that a run's publish is done: a step of it that runs late must not undo the release."""

from __future__ import annotations

from medvision.pipelines.lock import PublishLock, PublishLocked
from medvision.schemas.record import MANIFEST, PUBLISHING, SHARD_STORE
from medvision.transforms.store import Store


class PublishNote:
    """What the run's publish wrote as manifest, kept under the run's id. Garbage collection takes it after a day."""

    def __init__(self, store: Store, run_id: str) -> None:
        self.store, self.run_id = store, run_id
        self.path = f"{SHARD_STORE}/published-{run_id}.json"

    def leave(self, manifest: bytes) -> None:
        """To be called when all files but the manifest stand, and before that is written."""
        self.store.replace(self.path, manifest)

    def published(self) -> bytes | None:
        """The manifest, where this run's release is published and stands; None otherwise."""
        manifest = self._read()
        if manifest is None or self.store.read_if_any(MANIFEST) != manifest or self.store.exists(PUBLISHING):
            return None
        return manifest

    def mark_publishing(self, about: str = "{}") -> None:
        """Mark the folder as being published, unless this run has finished that; its lock must be held.

        `about` is one line of JSON that says what is to be published.

        Of two attempts at this step one may be held up while the other's publish finishes: so the note is looked for
        before each step that harms, and once more after the last, which is then taken back.

        Raises:
            PublishLocked: This run was published, and the release has been replaced since.
        """
        mark = (
            f"A publish is under way, or was interrupted: run the same build again. ({self.run_id})\n{about}\n".encode()
        )
        if (manifest := self._read()) is not None:
            standing = self.store.read_if_any(PUBLISHING)
            if standing == mark:
                return  # the last step is about to remove it, or died before: what follows makes the same once more
            if standing is None:
                if self.store.read_if_any(MANIFEST) != manifest:
                    raise PublishLocked(f"what this run published into {self.store.url} has been replaced since")
                return
            self.store.remove(self.path)  # another run's publish was interrupted here; this one starts afresh
        self.store.replace(PUBLISHING, mark)
        if self._read() is None:
            self.store.remove(MANIFEST)
        if (manifest := self._read()) is not None:
            PublishLock(self.store, self.run_id).take()  # finish has released it; raises while another run publishes
            self.store.replace(MANIFEST, manifest)
            self.store.remove(PUBLISHING)

    def _read(self) -> bytes | None:
        return self.store.read_if_any(self.path)
