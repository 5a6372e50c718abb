"""What was used last, kept in memory up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar


class Sized(Protocol):
    """Something that knows its bytes."""

    @property
    def nbytes(self) -> int: ...


T = TypeVar("T", bound=Sized)


class Recent:
    """Items by key; the least recently used go once all together pass `limit_bytes`. The newest always stays.

    Room is made after an item is there, so that the most in memory is the limit and one item.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.nbytes = 0
        self._items: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The item of a key, made where it is not there. Its bytes count as they are when it is made."""
        if key in self._items:
            self._items.move_to_end(key)
            found: T = self._items[key][0]
            return found
        made = make()
        self._items[key] = made, made.nbytes
        self.nbytes += made.nbytes
        while self.nbytes > self.limit_bytes and len(self._items) > 1:
            _, (_, dropped) = self._items.popitem(last=False)
            self.nbytes -= dropped
        return made
