"""A pool of worker processes for an engine that asks for workers over the network (Beam's EXTERNAL mode).

Beam's own pool knows a worker by its name alone, and every TaskManager counts its workers from 1: two on one machine
would stop each other's. This one tells them apart by who asked, and no worker outlives it.
"""

import atexit
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc

GRACE_SECONDS = 30.0
"""A worker whose engine let go of it ends by itself; one that hangs is killed after this."""
_THREADS = 16

WorkerKey = tuple[str, str]
"""Name of a worker, and the connection on which it was asked for."""


class WorkerPool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):  # type: ignore[misc]
    """Starts and stops worker processes; `workers` are those that it was not yet asked to stop."""

    def __init__(self) -> None:
        self.workers: dict[WorkerKey, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()
        atexit.register(self.kill)

    def StartWorker(self, request: Any, context: Any) -> Any:  # noqa: N802
        command = [sys.executable, "-m", "medvision.runners.pool_worker"]
        try:
            # The worker watches its input: it ends when this process does, however that comes about.
            worker = subprocess.Popen(
                [*command, request.control_endpoint.url, request.worker_id], stdin=subprocess.PIPE
            )
        except OSError as error:
            return beam_fn_api_pb2.StartWorkerResponse(error=f"cannot start a worker: {error}")
        with self._lock:
            self.workers[request.worker_id, context.peer()] = worker
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, request: Any, context: Any) -> Any:  # noqa: N802
        with self._lock:
            worker = self.workers.pop((request.worker_id, context.peer()), None)
        if worker is not None:
            threading.Thread(target=_see_off, args=(worker,), daemon=True).start()
        return beam_fn_api_pb2.StopWorkerResponse()

    def kill(self) -> None:
        """End every worker at once."""
        with self._lock:
            workers, self.workers = list(self.workers.values()), {}
        for worker in workers:
            worker.kill()
            worker.wait()
        atexit.unregister(self.kill)


@contextmanager
def worker_pool(port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
    """A pool in this process until the block ends; yields its address, "host:port".

    Args:
        port: 0 takes a free one.
        host: What to listen on. Whoever reaches the port can start workers, and have them run code: keep it on the
            machine or inside a closed network.

    Raises:
        OSError: The port is taken.
    """
    pool = WorkerPool()
    options = [("grpc.http2.max_pings_without_data", 0), ("grpc.http2.max_ping_strikes", 0), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=options)
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(pool, server)
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise OSError(f"cannot listen on {host}:{port}; another pool may be running there") from error
    server.start()
    try:
        yield f"{host}:{bound}"
    finally:
        server.stop(0)
        pool.kill()


def _see_off(worker: "subprocess.Popen[bytes]") -> None:
    """Wait for a worker to end, then ask it to, then end it."""
    for push in (worker.terminate, worker.kill):
        try:
            worker.wait(GRACE_SECONDS)
            return
        except subprocess.TimeoutExpired:
            push()
    worker.wait()
