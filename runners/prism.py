"""Beam's Prism, one Go program that runs a pipeline on one machine through the protocols of a real cluster."""

import shutil
from contextlib import AbstractContextManager

from apache_beam.version import __version__ as BEAM_VERSION  # noqa: N812

from medvision.runners.launch import Job, Launch, given
from medvision.runners.portable import launch_portable

INSTALL = f"go install github.com/apache/beam/sdks/v2/go/cmd/prism@v{BEAM_VERSION}"


def launch_prism(job: Job) -> AbstractContextManager[Launch]:
    """Prism, with one worker process: it asks for one whatever the machine has.

    Raises:
        ValueError: There is no Prism on this machine. Beam would download one at run time.
    """
    preset = ["--runner=PrismRunner"]
    if not given(job.beam_args, "prism_location") and not given(job.beam_args, "job_endpoint"):
        found = shutil.which("prism")
        if found is None:
            raise ValueError(
                f"no `prism` on PATH; install it with `{INSTALL}`, or say where it is with --prism_location=FILE"
            )
        preset.append(f"--prism_location={found}")
    return launch_portable(job, preset)
