"""Flink: a cluster of one's own, or one that Beam's job server embeds."""

import shutil
from contextlib import AbstractContextManager
from urllib.parse import urlsplit

from medvision.runners.launch import Job, Launch, given
from medvision.runners.portable import launch_portable

EMBEDDED = ("", "[auto]", "[local]")
HERE = ("localhost", "127.0.0.1", "::1")
KEEP_WORKERS_MS = 30_000
"""Workers outlive a step by this much, so that the next finds them. It takes effect where the cluster itself loads
Beam's jar (docs/flink.md); elsewhere each step starts its own, at some seconds each."""
PRESET = ("--runner=FlinkRunner", f"--environment_cache_millis={KEEP_WORKERS_MS}")


def launch_flink(job: Job) -> AbstractContextManager[Launch]:
    """A Flink job, submitted by Beam's job server.

    Where the cluster is on this machine, or embedded, a pool of workers is opened here for as long as the job runs;
    elsewhere its machines must have workers: a pool each (`medvision workers`) or containers.

    Raises:
        ValueError: No Java, or a distant cluster and no word of where its workers are.
    """
    args = job.beam_args
    if not given(args, "job_endpoint") and shutil.which("java") is None:
        raise ValueError("no `java` on PATH; Flink's job server needs Java 11 or 17")
    master = given(args, "flink_master")
    if not given(args, "environment_type") and not _is_here(master):
        raise ValueError(
            f"the Flink cluster at {master} needs workers with this package: start `medvision workers` beside each "
            "TaskManager and pass --environment_type=EXTERNAL --environment_config=localhost:50000, or name a "
            "container with --environment_type=DOCKER --environment_config=IMAGE"
        )
    return launch_portable(job, [*PRESET, f"--parallelism={job.workers}"])


def _is_here(master: str) -> bool:
    if master in EMBEDDED:
        return True
    return urlsplit(master if "//" in master else f"//{master}").hostname in HERE
