"""The worker pool: two engines with workers of one name, and no worker that outlives the pool."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc, endpoints_pb2

from medvision.runners import pool as pool_module
from medvision.runners.pool import WorkerPool, worker_pool

NOWHERE = "127.0.0.1:9"
"""An engine that does not answer: a worker waits for it."""


@pytest.fixture
def sleepers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Workers that only wait for their input to end; the list holds those that were started."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(command: list[str], **options: object) -> "subprocess.Popen[bytes]":
        assert command[1:3] == ["-m", "medvision.runners.pool_worker"]
        started.append(popen([sys.executable, "-c", "import sys; sys.stdin.read()"], **options))
        return started[-1]

    monkeypatch.setattr(pool_module.subprocess, "Popen", start)
    yield started
    for process in started:
        process.kill()
        process.wait()


@contextmanager
def engine(address: str) -> Iterator[beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub]:
    """A connection of its own to the pool, as each TaskManager has one."""
    with grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)


def start(stub: beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub, name: str) -> str:
    control = endpoints_pb2.ApiServiceDescriptor(url=NOWHERE)
    return stub.StartWorker(beam_fn_api_pb2.StartWorkerRequest(worker_id=name, control_endpoint=control)).error


def stop(stub: beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub, name: str) -> None:
    stub.StopWorker(beam_fn_api_pb2.StopWorkerRequest(worker_id=name))


def ended(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def test_workers_of_one_name_do_not_stop_each_other(monkeypatch, sleepers):
    monkeypatch.setattr(pool_module, "GRACE_SECONDS", 0.1)
    with worker_pool() as address, engine(address) as first, engine(address) as second:
        assert start(first, "1-1") == start(second, "1-1") == ""
        stop(second, "1-1")
        assert ended(sleepers[1], 10), "a worker that does not end when it is let go of is killed"
        assert not ended(sleepers[0], 0.5)
        stop(first, "2-1")  # never started
        assert not ended(sleepers[0], 0.2)
    assert ended(sleepers[0], 10)


def test_a_worker_that_cannot_start_is_told_of(monkeypatch):
    monkeypatch.setattr(pool_module.sys, "executable", "/nowhere/python")
    with worker_pool() as address, engine(address) as stub:
        assert "cannot start a worker" in start(stub, "1-1")


def test_a_port_that_is_taken_is_an_error():
    with worker_pool() as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"), worker_pool(port):
            pass


def test_stopping_an_unknown_worker_is_nothing():
    pool = WorkerPool()
    pool.kill()
    assert pool.workers == {}


@pytest.mark.slow
def test_no_worker_outlives_a_pool_that_is_killed():
    script = (
        "import subprocess, sys, time\n"
        "from medvision.runners.pool import WorkerPool\n"
        "class Request:\n"
        "    worker_id = '1-1'\n"
        f"    class control_endpoint: url = {NOWHERE!r}\n"
        "class Context:\n"
        "    peer = staticmethod(lambda: 'me')\n"
        "pool = WorkerPool()\n"
        "pool.StartWorker(Request, Context)\n"
        "print(pool.workers['1-1', 'me'].pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        os.kill(worker, 0)
        parent.send_signal(signal.SIGKILL)
    end = time.monotonic() + 30
    while _runs(worker):
        assert time.monotonic() < end, "the worker outlived its pool"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_worker_that_is_ended_by_the_pool_blames_no_case(tmp_path):
    """It takes its note back; the engine let go of it, since another one died."""
    script = (
        "import os, signal, sys\n"
        "from medvision.runners import pool_worker\n"
        "from medvision.transforms.notes import CaseNotes\n"
        "from medvision.transforms.store import Store\n"
        "signal.signal(signal.SIGTERM, pool_worker._end_when_asked)\n"
        "CaseNotes(Store(sys.argv[1]), 'key', 'run', 'a').hold('case')\n"
        "print('held', flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "held\n"
        assert [path.name for path in tmp_path.rglob("*.json")] == ["trying-run-a.json"]
        worker.terminate()
        assert worker.wait(30) == -signal.SIGKILL
    assert list(tmp_path.rglob("*.json")) == []
