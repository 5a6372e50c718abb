"""What is tried again, for how long, and what is an answer."""

import errno
from collections.abc import Callable

import fsspec
import pytest
from fsspec.spec import AbstractFileSystem

from medvision.schemas.failures import BuildFailed, StorageError
from medvision.schemas.faults import DataFault
from medvision.transforms import retries
from medvision.transforms.retries import LONGEST_WAIT_SECONDS, PATIENCE_SECONDS, WORK_TRIES, asking, working

REMOTE = AbstractFileSystem()


class Answered(Exception):
    """As aiohttp.ClientResponseError: the service said no, in a number."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


class ClientPayloadError(Exception):
    """As aiohttp's."""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits, in seconds; time passes by them alone."""
    waits: list[float] = []
    monkeypatch.setattr(retries.time, "monotonic", lambda: sum(waits))
    monkeypatch.setattr(retries.time, "sleep", waits.append)
    monkeypatch.setattr(retries._Outage, "given_up_at", float("-inf"))
    return waits


def failing(errors: list[Exception]) -> Callable[[], str]:
    """Raises one after another, then answers."""
    left = iter(errors)

    def ask() -> str:
        for error in left:
            raise error
        return "answer"

    return ask


PASSING = [
    *(Answered(status) for status in (408, 429, 500, 502, 503, 504)),
    *(ConnectionResetError("peer"), TimeoutError(), ClientPayloadError("cut"), OSError(errno.EBUSY, "slow down")),
]
LASTING = [Answered(401), Answered(403), OSError("Forbidden: bucket"), ValueError("Bad Request"), AssertionError()]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_passes_is_tried_again(error: Exception, clock: list[float]) -> None:
    assert asking(REMOTE, "read x", failing([error] * 3)) == "answer"
    assert len(clock) == 3
    assert 0.25 <= clock[0] <= 0.5 < clock[2]


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_what_lasts_is_not(error: Exception, clock: list[float]) -> None:
    with pytest.raises(StorageError, match=f"could not read x: {type(error).__name__}") as raised:
        asking(REMOTE, "read x", failing([error]))
    assert clock == []
    assert raised.value.__cause__ is error
    assert isinstance(raised.value, OSError)
    assert isinstance(raised.value, BuildFailed)
    assert not isinstance(raised.value, DataFault)


@pytest.mark.parametrize("error", [FileNotFoundError("x"), FileExistsError("x")])
def test_answers_are_raised_as_they_are(error: Exception, clock: list[float]) -> None:
    with pytest.raises(type(error)):
        asking(REMOTE, "read x", failing([error]))
    assert clock == []


def test_a_missing_file_that_hides_a_lost_connection_is_looked_for_again() -> None:
    hidden = FileNotFoundError("x")
    hidden.__cause__ = Answered(503)
    assert asking(REMOTE, "look for x", failing([hidden, hidden])) == "answer"
    hidden.__cause__ = Answered(404)
    with pytest.raises(FileNotFoundError):
        asking(REMOTE, "look for x", failing([hidden]))


def test_patience_ends(clock: list[float]) -> None:
    with pytest.raises(StorageError, match=r"could not read x: Answered: status 503$") as raised:
        asking(REMOTE, "read x", failing([Answered(503)] * 1000))
    assert PATIENCE_SECONDS - LONGEST_WAIT_SECONDS <= sum(clock) <= PATIENCE_SECONDS
    assert raised.value.passing
    assert max(clock) <= LONGEST_WAIT_SECONDS


def test_a_request_that_takes_long_to_fail_is_made_again(clock: list[float]) -> None:
    tries = iter([TimeoutError(), TimeoutError()])

    def upload() -> str:
        clock.append(2 * PATIENCE_SECONDS)
        for error in tries:
            raise error
        return "answer"

    with pytest.raises(StorageError, match="TimeoutError"):  # the second failure comes when patience is at its end
        asking(REMOTE, "write x", upload)
    clock.append(PATIENCE_SECONDS + 1)
    tries = iter([TimeoutError()])
    assert asking(REMOTE, "write x", upload) == "answer"


def test_during_an_outage_the_next_requests_are_made_once(clock: list[float]) -> None:
    with pytest.raises(StorageError):
        asking(REMOTE, "read x", failing([Answered(503)] * 1000))
    waited = len(clock)
    with pytest.raises(StorageError):
        asking(REMOTE, "read y", failing([Answered(503)]))
    assert len(clock) == waited
    clock.append(PATIENCE_SECONDS + 1)
    assert asking(REMOTE, "read y", failing([Answered(503)])) == "answer"


def test_a_local_disk_is_asked_once() -> None:
    with pytest.raises(ConnectionResetError):
        asking(fsspec.filesystem("file"), "read x", failing([ConnectionResetError()]))


def test_work_whose_upload_broke_is_done_again() -> None:
    broken = StorageError.because_of("write x", ConnectionResetError("peer"), passing=True)
    assert working(failing([broken] * (WORK_TRIES - 1))) == "answer"
    with pytest.raises(StorageError):
        working(failing([broken] * WORK_TRIES))
    with pytest.raises(StorageError):
        working(failing([StorageError.because_of("write x", OSError("Forbidden"), passing=False)]))
    with pytest.raises(DataFault):
        working(failing([DataFault("read", "bad_gzip")]))
