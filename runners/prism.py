"""Beam's Prism, one Go program that runs a pipeline on one machine through the protocols of a real cluster."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.version import __version__ as BEAM_VERSION  # noqa: N812

from medvision.runners.launch import UNLISTED, Job, Launch, given
from medvision.runners.pool import worker_pool

INSTALL = f"go install github.com/apache/beam/sdks/v2/go/cmd/prism@v{BEAM_VERSION}"


@contextmanager
def launch_prism(job: Job) -> Iterator[Launch]:
    """Prism, with one worker process of its own pool: it asks for one whatever the machine has.

    Raises:
        ValueError: There is no Prism on this machine. Beam would download one at run time.
    """
    args = job.beam_args
    preset = ["--runner=PrismRunner", UNLISTED]
    if not given(args, "prism_location") and not given(args, "job_endpoint"):
        found = shutil.which("prism")
        if found is None:
            raise ValueError(
                f"no `prism` on PATH; install it with `{INSTALL}`, or say where it is with --prism_location=FILE"
            )
        preset.append(f"--prism_location={found}")
    if given(args, "environment_type"):
        yield Launch(PipelineOptions([*preset, *args]), local=given(args, "environment_type") == "LOOPBACK")
        return
    with worker_pool() as address:
        preset += ["--environment_type=EXTERNAL", f"--environment_config={address}"]
        yield Launch(PipelineOptions([*preset, *args]), local=True)
