"""One publish into a folder at a time: a create-only lock file, renewed while its holder works."""

from __future__ import annotations

import json
import time

from medvision.schemas.record import SHARD_STORE
from medvision.transforms.holder import gone, myself
from medvision.transforms.store import Store

LOCK = f"{SHARD_STORE}/publish.lock"
STALE_SECONDS = 3600
RENEW_SECONDS = 300


class PublishLocked(RuntimeError):
    """Another build is publishing into the same folder, or has done so meanwhile."""


class PublishLock:
    """Held by run id, so that a retried step of the same run passes.

    Each step of publishing renews it, so that it is young while its holder lives, however long that takes. A holder
    that is known to be dead has lost it at once, one on another host when it has not been renewed for an hour.
    """

    def __init__(self, store: Store, run_id: str) -> None:
        self.store = store
        self.run_id = run_id

    def take(self) -> None:
        """Raises PublishLocked while another run holds it."""
        mine = json.dumps({"run": self.run_id, **myself(), "renewed": time.time()}).encode()
        holder: dict[str, object] = {}
        for _ in range(2):
            if self.store.create(LOCK, mine):
                return
            holder = self._holder()
            if holder.get("run") == self.run_id:
                return
            if holder and not self._is_stale(holder):
                break
            self.store.remove(LOCK)
        raise PublishLocked(
            f"another build is publishing into {self.store.url}; wait for it, or remove {LOCK} if it is gone"
            f" (process {holder.get('pid', '?')} on {holder.get('host', '?')}; from another machine the lock is taken "
            f"over {STALE_SECONDS // 60} minutes after its last sign of life)"
        )

    def check(self) -> None:
        """Renew it. Raises PublishLocked where another run, or none, holds it: a step that runs late must not write.

        One read before a step of minutes; what passes between the two is for the note of `PublishNote` to find.
        """
        holder = self._holder()
        if holder.get("run") != self.run_id:
            raise PublishLocked(f"this build has lost {LOCK} in {self.store.url}: another has published there since")
        if time.time() - float(str(holder.get("renewed", 0))) > RENEW_SECONDS:
            self.store.replace(LOCK, json.dumps({**holder, "renewed": time.time()}).encode())

    def release(self) -> None:
        if self._holder().get("run") == self.run_id:
            self.store.remove(LOCK)

    def _holder(self) -> dict[str, object]:
        text = self.store.read_if_any(LOCK)
        return {} if text is None else dict(json.loads(text))

    def _is_stale(self, holder: dict[str, object]) -> bool:
        dead = gone(holder, self.store.local)
        if dead is not None:
            return dead
        try:
            return time.time() - self.store.modified(LOCK) > STALE_SECONDS
        except FileNotFoundError:
            return False  # released just now
