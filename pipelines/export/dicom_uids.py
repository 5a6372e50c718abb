"""UIDs that follow from what they name: the same release and series give the same reports."""

from __future__ import annotations

import uuid


def uid_of(*parts: str) -> str:
    """A UID below 2.25 (PS3.5 B.2): an UUID, version 5, of the parts."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, 'medvision/' + '/'.join(parts)).int}"
