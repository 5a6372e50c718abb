"""One publish into a folder at a time, and no lock that outlives its holder."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medvision.pipelines.lock import LOCK, RENEW_SECONDS, STALE_SECONDS, PublishLock, PublishLocked
from medvision.transforms.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "out"))


def hold(store: Store, host: str = "elsewhere", pid: int = 1, age: float = 0.0) -> None:
    """A lock of the run `other`."""
    store.replace(LOCK, json.dumps({"run": "other", "host": host, "pid": pid}).encode())
    then = time.time() - age
    os.utime(store.path(LOCK), (then, then))


def holder(store: Store) -> str:
    return str(json.loads(store.read(LOCK))["run"])


def dead_pid() -> int:
    """Process id of a program that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_free_lock_is_taken_and_released(store):
    PublishLock(store, "mine").take()
    held = json.loads(store.read(LOCK))
    assert (held["run"], held["host"], held["pid"]) == ("mine", socket.gethostname(), os.getpid())
    PublishLock(store, "mine").release()
    assert not store.exists(LOCK)


def test_a_retried_step_of_the_same_run_passes(store):
    PublishLock(store, "mine").take()
    PublishLock(store, "mine").take()
    assert holder(store) == "mine"


def test_a_live_run_on_this_host_is_respected_at_any_age(store):
    hold(store, socket.gethostname(), os.getpid(), age=100 * STALE_SECONDS)
    with pytest.raises(PublishLocked, match=r"another build is publishing into .*out; wait for it, or remove"):
        PublishLock(store, "mine").take()
    assert holder(store) == "other"


def test_a_dead_run_on_this_host_has_lost_it(store):
    hold(store, socket.gethostname(), dead_pid())
    PublishLock(store, "mine").take()
    assert holder(store) == "mine"


def test_a_process_id_given_out_again_is_not_the_holder(store):
    PublishLock(store, "other").take()
    held = json.loads(store.read(LOCK))
    if not held["born"]:
        pytest.skip("this system does not tell when a process started")
    with pytest.raises(PublishLocked):
        PublishLock(store, "mine").take()
    store.replace(LOCK, json.dumps({**held, "born": "1"}).encode())
    PublishLock(store, "mine").take()
    assert holder(store) == "mine"


@pytest.mark.parametrize(("age", "lost"), [(0, False), (STALE_SECONDS - 60, False), (STALE_SECONDS + 60, True)])
def test_a_run_on_another_host_has_lost_it_after_an_hour(store, age, lost):
    hold(store, pid=dead_pid(), age=age)
    if lost:
        PublishLock(store, "mine").take()
    else:
        with pytest.raises(PublishLocked):
            PublishLock(store, "mine").take()
    assert holder(store) == ("mine" if lost else "other")


def test_only_the_holder_releases(store):
    PublishLock(store, "mine").release()
    hold(store)
    PublishLock(store, "mine").release()
    assert holder(store) == "other"


def test_of_eight_racing_runs_one_gets_it(store):
    start = threading.Barrier(8)

    def race(number: int) -> bool:
        start.wait()
        try:
            PublishLock(store, f"run{number}").take()
        except PublishLocked:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        won = list(threads.map(race, range(8)))
    assert won.count(True) == 1
    assert holder(store) == f"run{won.index(True)}"


def test_steps_renew_the_lock(store):
    lock = PublishLock(store, "mine")
    lock.take()
    held = json.loads(store.read(LOCK))
    for age, renewed in ((RENEW_SECONDS - 60, False), (RENEW_SECONDS + 60, True), (STALE_SECONDS + 60, True)):
        store.replace(LOCK, json.dumps({**held, "renewed": time.time() - age}).encode())
        then = time.time() - age
        os.utime(store.path(LOCK), (then, then))
        lock.check()
        assert (store.modified(LOCK) > then + 1) is renewed
        now = json.loads(store.read(LOCK))
        assert (now["renewed"] > then + 1) is renewed
        assert {**now, "renewed": 0} == {**held, "renewed": 0}


def test_a_publish_of_hours_elsewhere_keeps_its_lock(store):
    """Two hours, a step every twenty minutes."""
    hold(store)
    for _ in range(6):
        then = time.time() - 1200
        os.utime(store.path(LOCK), (then, then))
        with pytest.raises(PublishLocked, match=r"process 1 on elsewhere; from another machine .* 60 minutes after"):
            PublishLock(store, "mine").take()
        PublishLock(store, "other").check()
        assert time.time() - store.modified(LOCK) < 60
        store.replace(LOCK, json.dumps({**json.loads(store.read(LOCK)), "renewed": then}).encode())
    assert holder(store) == "other"
