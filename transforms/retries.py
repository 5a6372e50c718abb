"""Requests to a store are made again while their failure looks passing, for a bounded time.

gcsfs itself makes a request six times, within half a minute, on 408, 429, 500 to 504, lost connections and cut bodies.
This layer is for what it leaves open (time-outs, the end of its patience, answers that hide an error) and for the file
systems that try once, as plain HTTP.
"""

from __future__ import annotations

import errno
import logging
import random
import time
from collections.abc import Callable
from itertools import count
from typing import TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from medvision.schemas.failures import StorageError

PATIENCE_SECONDS = 120.0
"""No new try of a request begins later than this after its first failure, however long that took to come."""
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 16.0
WORK_TRIES = 3
"""Times that a piece of work whose upload broke is done from its start."""
PASSING_STATUS = {408, 429, 500, 502, 503, 504}
PASSING_ERRNO = {errno.EBUSY, errno.ETIMEDOUT, errno.ECONNRESET, errno.EPIPE, errno.EAGAIN}
PASSING_NAMES = {"ClientConnectionError", "ClientPayloadError", "RequestException", "ChecksumError", "RefreshError"}
"""Of aiohttp, requests, gcsfs and google.auth, by name: importing them costs each local worker a quarter second."""

logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # it logs a traceback of each error that it also raises

T = TypeVar("T")


class CutShort(ConnectionError):
    """Fewer bytes came than the store has."""


class _Outage:
    """When a request of this process was last given up: the next ones need not find out again for as long."""

    given_up_at = float("-inf")


def asking(fs: fsspec.AbstractFileSystem, what: str, ask: Callable[[], T]) -> T:
    """The answer of a file system; `what` names the request in an error, as "read gs://bucket/name".

    A local disk is asked once, and its errors are raised as they are.

    Raises:
        FileNotFoundError, FileExistsError: They are answers.
        StorageError: Whatever else went wrong, once trying again was of no use.
    """
    if isinstance(fs, LocalFileSystem | MemoryFileSystem):
        return ask()
    patience = PATIENCE_SECONDS if time.monotonic() - _Outage.given_up_at > PATIENCE_SECONDS else 0.0
    until = float("inf")
    for turn in count():
        try:
            return ask()
        except StorageError:
            raise
        except Exception as error:
            fault = _beneath(error)
            if fault is None:
                raise
            wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**turn) * random.uniform(0.5, 1.0)
            passing, now = is_passing(fault), time.monotonic()
            until = min(until, now + patience)
            if not passing or now + wait > until:
                _Outage.given_up_at = now if passing else _Outage.given_up_at
                raise StorageError.because_of(what, fault, passing) from error
        time.sleep(wait)
    raise AssertionError("the loop above ends by itself")


def working(work: Callable[[], T]) -> T:
    """What `work` returns. It is done again from its start where an upload broke that cannot be taken up again.

    Raises:
        StorageError: It broke each time, or a request was tried for as long as there is patience.
    """
    for left in reversed(range(WORK_TRIES)):
        try:
            return work()
        except StorageError as error:
            recently = time.monotonic() - _Outage.given_up_at < PATIENCE_SECONDS
            if not (error.passing and left) or recently:
                raise
    raise AssertionError("the loop above ends by itself")


def is_passing(error: BaseException) -> bool:
    """Whether the same request may succeed a moment later."""
    status = getattr(error, "status", None) or getattr(error, "code", None)
    if str(status).isdigit():
        return int(str(status)) in PASSING_STATUS
    if isinstance(error, ConnectionError | TimeoutError) or getattr(error, "retryable", False):
        return True
    if isinstance(error, OSError) and error.errno in PASSING_ERRNO:
        return True
    return bool(PASSING_NAMES & {kind.__name__ for kind in type(error).__mro__})


def _beneath(error: Exception) -> Exception | None:
    """What went wrong; None where the error is an answer. fsspec's HTTP calls every failed look a missing file."""
    if not isinstance(error, FileNotFoundError | FileExistsError):
        return error
    cause = error.__cause__
    return cause if isinstance(cause, Exception) and is_passing(cause) else None
