"""Beam's worker processes on one machine, watched: a build ends when one dies, where Beam alone may wait for ever."""

import shlex
import sys
import threading
from typing import Any

import grpc
from apache_beam.portability import python_urns
from apache_beam.runners.portability import local_job_service
from apache_beam.runners.portability.fn_api_runner.worker_handlers import (
    BeamFnControlServicer,
    SubprocessSdkWorkerHandler,
    WorkerHandler,
)

WORKER_COMMAND = f"{shlex.quote(sys.executable)} -m medvision.runners.worker_main".encode()


class WorkerDied(RuntimeError):
    """A worker process ended before its work did."""


class WatchedWorkerHandler(SubprocessSdkWorkerHandler):  # type: ignore[misc]
    """Beam notices a dead worker by its closed data stream alone; one that never opened it (it died at start) or
    whose step has no output (the last one) would be waited for without end."""

    def start_worker(self) -> None:
        self.worker = local_job_service.SubprocessSdkWorker(
            WORKER_COMMAND, self.control_address, self.provision_info, self.worker_id
        )
        self.worker_thread = threading.Thread(name="run_worker", target=self._run)
        self.worker_thread.start()

    def stop_worker(self) -> None:
        """Beam tells only those workers that have connected to end: one that still starts, while another has died,
        would be waited for without end."""
        control: Any = self.control_conn
        control.push(BeamFnControlServicer._DONE_MARKER)
        self.worker_thread.join()

    def _run(self) -> None:
        try:
            self.worker.run()
        except RuntimeError as error:
            self._fail(WorkerDied(str(error)))

    def _fail(self, error: WorkerDied) -> None:
        """Every answer that is or will be waited for from this worker is the error."""
        control: Any = self.control_conn
        push = control.push

        def push_and_fail(request: Any) -> Any:
            future = push(request)
            if future is not None:
                future.abort(error)
            return future

        control.push = push_and_fail
        for future in list(control._futures_by_id.values()):
            future.abort(error)
        self.data_conn._closed = True


class _Others:
    hook: Any = threading.excepthook


def _tell(ended: threading.ExceptHookArgs) -> None:
    if not isinstance(ended.exc_value, grpc.RpcError):
        _Others.hook(ended)


def is_dead_worker(error: Exception) -> bool:
    """Whether a pipeline failed because a worker process was gone, by what Beam or the watch says of it."""
    return isinstance(error, WorkerDied) or "Channel closed prematurely" in str(error)


def watch_workers() -> None:
    """Make Beam's local runner start its worker processes watched.

    Beam's threads that listened to a worker end by an error where it dies, which Python would print for each: the
    watch has said so by then.
    """
    if threading.excepthook is not _tell:
        _Others.hook = threading.excepthook
        threading.excepthook = _tell
    WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)(WatchedWorkerHandler)
