"""Worker processes of one machine: what Beam's own handler leaves waiting, and what its threads print."""

import threading
from typing import Any

import grpc
import pytest
from apache_beam.runners.portability.fn_api_runner.worker_handlers import BeamFnControlServicer, ControlConnection

from medvision.runners import workers
from medvision.runners.workers import WatchedWorkerHandler, WorkerDied, is_dead_worker, watch_workers

SECONDS = 20


class LateWorker(WatchedWorkerHandler):
    """A handler whose worker connects when `connect` is set, and ends when it is told to."""

    def __init__(self) -> None:
        self.control_conn = ControlConnection()
        self.connect, self.told = threading.Event(), threading.Event()
        self.worker_thread = threading.Thread(target=self.serve, daemon=True)
        self.worker_thread.start()

    def serve(self) -> None:
        self.connect.wait()
        self.control_conn.set_input(iter(()))
        while self.control_conn.get_req() is not BeamFnControlServicer._DONE_MARKER:
            pass
        self.told.set()


@pytest.mark.parametrize("late", [True, False])
def test_a_worker_is_told_to_end_whenever_it_connects(late: bool) -> None:
    handler = LateWorker()
    if not late:
        handler.connect.set()
    handler.control_conn.close()
    stopping = threading.Thread(target=handler.stop_worker, daemon=True)
    stopping.start()
    handler.connect.set()
    assert handler.told.wait(SECONDS)
    stopping.join(SECONDS)
    assert not stopping.is_alive()


def test_broken_streams_are_not_printed_and_other_errors_are(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    watch_workers()
    watch_workers()
    assert threading.excepthook is workers._tell
    for error in (grpc.RpcError(), KeyError(3)):
        threading.excepthook(threading.ExceptHookArgs((type(error), error, None, None)))
    assert [ended.exc_type for ended in told] == [KeyError]


def test_deaths_are_told_from_errors() -> None:
    assert is_dead_worker(WorkerDied("Worker subprocess exited with return code 139"))
    assert is_dead_worker(RuntimeError("Channel closed prematurely."))
    assert not is_dead_worker(RuntimeError("KeyError: 3"))
