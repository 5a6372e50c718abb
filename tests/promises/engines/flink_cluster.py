"""A real Flink cluster on loopback: a JobManager and TaskManagers, each a Java process, that tests may kill."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = "127.0.0.1"
UP_SECONDS = 60.0
OPENED = (
    *("java.base/java.io", "java.base/java.lang", "java.base/java.lang.reflect", "java.base/java.net"),
    *("java.base/java.nio", "java.base/java.text", "java.base/java.time", "java.base/java.util"),
    *("java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic"),
    *("java.base/java.util.concurrent.locks", "java.base/sun.net.util", "java.base/sun.nio.ch"),
)
BRIEF = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For programs that live a minute: compile little."""
JVM = ["java", *BRIEF, *(f"--add-opens={package}=ALL-UNNAMED" for package in OPENED)]
JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
BASH_UTILS = "org.apache.flink.runtime.util.bash.BashJavaUtils"
LOG = """rootLogger.level=INFO
rootLogger.appenderRef.out.ref=out
appender.out.name=out
appender.out.type=CONSOLE
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d %p %c{1} %m%n
"""
PARENT_HAS = ("flink-", "slf4j-", "log4j-")
"""Of Beam's parts, those that Flink brings itself."""


class FlinkCluster:
    """The cluster; its web address is `master`, "host:port"; jobs are submitted by `job_server`."""

    def __init__(self, flink: Path, beam: Path, work: Path) -> None:
        rpc_port, rest_port = _free_ports(2)
        self.master = f"{HERE}:{rest_port}"
        self.conf = work / "conf"
        self.conf.mkdir(parents=True)
        (self.conf / "config.yaml").write_text(_config(rpc_port, rest_port, work))
        (self.conf / "log4j.properties").write_text(LOG)
        self.work, self.job_server = work, beam / "job-server.jar"
        parts = [part for part in sorted((beam / "lib").glob("*.jar")) if not part.name.startswith(PARENT_HAS)]
        # Beam's classes are the cluster's own here, which lets workers outlive a step (docs/flink.md).
        self.classes = ":".join(map(str, [*sorted((flink / "lib").glob("*.jar")), *parts]))
        self.utils = ":".join(map(str, [flink / "bin/bash-java-utils.jar", *(flink / "lib").glob("flink-dist-*.jar")]))
        self.task_managers: list[subprocess.Popen[bytes]] = []
        self.job_manager = self._start("jobmanager", [*JVM, "-Xmx512m"], JOB_MANAGER, [])

    def add_task_manager(self) -> None:
        asked = [*JVM, "-cp", self.utils, BASH_UTILS, "GET_TM_RESOURCE_PARAMS", "--configDir", str(self.conf)]
        told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()
        jvm, options = (line.partition("EXEC_RESULT:")[2].split() for line in told if "EXEC_RESULT:" in line)
        name = f"taskmanager{len(self.task_managers)}"
        self.task_managers.append(self._start(name, [*JVM, *jvm], TASK_MANAGER, options))

    def wait_for(self, task_managers: int) -> None:
        """Until as many TaskManagers have registered."""
        wait_until(lambda: self._overview().get("taskmanagers", 0) >= task_managers, UP_SECONDS, "the cluster is up")

    def jobs(self) -> dict[str, str]:
        """State of each job by its id."""
        return {job["id"]: job["status"] for job in self.ask("jobs")["jobs"]}

    def cancel(self, job: str) -> None:
        self.ask(f"jobs/{job}?mode=cancel", "PATCH")

    def ask(self, path: str, method: str = "GET") -> Any:
        request = urllib.request.Request(f"http://{self.master}/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def stop(self) -> None:
        for process in (*self.task_managers, self.job_manager):
            process.kill()
            process.wait()

    def _overview(self) -> dict[str, int]:
        try:
            return dict(self.ask("overview"))
        except (urllib.error.URLError, OSError):
            return {}

    def _start(self, name: str, jvm: list[str], main: str, options: list[str]) -> "subprocess.Popen[bytes]":
        jvm = [*jvm, f"-Dlog4j.configurationFile={self.conf / 'log4j.properties'}"]
        command = [*jvm, "-cp", self.classes, main, "--configDir", str(self.conf), *options]
        with (self.work / f"{name}.log").open("wb") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


@contextmanager
def flink_cluster(flink: Path, beam: Path, work: Path) -> Iterator[FlinkCluster]:
    """A JobManager and two TaskManagers of one slot each, until the block ends."""
    cluster = FlinkCluster(flink, beam, work)
    try:
        cluster.add_task_manager()
        cluster.add_task_manager()
        cluster.wait_for(2)
        yield cluster
    finally:
        cluster.stop()


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until it holds. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind((HERE, 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def _config(rpc_port: int, rest_port: int, work: Path) -> str:
    settings = {
        "jobmanager.rpc.address": HERE,
        "jobmanager.rpc.port": rpc_port,
        "jobmanager.bind-host": HERE,
        "jobmanager.memory.process.size": "1024m",
        "taskmanager.host": HERE,
        "taskmanager.bind-host": HERE,
        "taskmanager.numberOfTaskSlots": 1,
        "taskmanager.memory.process.size": "1400m",
        "taskmanager.memory.network.min": "160m",
        "taskmanager.memory.network.max": "160m",
        "rest.address": HERE,
        "rest.bind-address": HERE,
        "rest.port": rest_port,
        "heartbeat.interval": 1000,
        "heartbeat.timeout": 5000,
        "classloader.resolve-order": "parent-first",
        "blob.storage.directory": work / "blobs",
        "io.tmp.dirs": work / "tmp",
    }
    return "".join(f"{name}: {value}\n" for name, value in settings.items())
