"""Which machines a Dataflow job takes: as many cases at a time as the largest one leaves room for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from medvision.runners.launch import given

GIB = 1 << 30
SYSTEM_BYTES = GIB
"""What a machine's own programs take at most, by Google's guide to errors of memory."""
ONE_PROCESS = ("--experiments=no_use_multiple_sdk_containers", "--number_of_worker_harness_threads=1")
"""One process of the SDK a machine, with one thread; else Dataflow starts one a vCPU, with a thread each."""


@dataclass(frozen=True)
class Machines:
    """What a job asks of each machine.

    Attributes:
        options: Of Beam, for machines that the user did not choose.
        processes: Cases that a machine builds at a time.
        min_ram_bytes: What it needs for them, 0 where that is not known.
    """

    options: tuple[str, ...]
    processes: int
    min_ram_bytes: int


@dataclass(frozen=True)
class _Size:
    machine_type: str
    processes: int
    memory_bytes: int


SIZES = (
    _Size("e2-standard-4", 4, 16 * GIB),
    _Size("e2-highmem-4", 4, 32 * GIB),
    _Size("e2-highmem-4", 1, 32 * GIB),
    _Size("e2-highmem-8", 1, 64 * GIB),
)
"""Cheapest first."""


def choose_machines(case_bytes: int, beam_args: Sequence[str]) -> Machines:
    """The smallest machines that hold a case in each of their processes, or what the user's own need.

    Args:
        case_bytes: Memory of a process while it builds the largest case; 0 where that is not known.
        beam_args: The user's options of Beam; a machine type there is taken as it is.

    Raises:
        ValueError: A case fits on none of SIZES.
    """
    named = given(beam_args, "machine_type") or given(beam_args, "worker_machine_type")
    if named:
        processes = _processes(named, beam_args)
        return Machines((), processes, _needed(case_bytes, processes))
    for size in SIZES:
        needed = _needed(case_bytes, size.processes)
        if needed <= size.memory_bytes:
            options = (f"--machine_type={size.machine_type}", *(ONE_PROCESS if size.processes == 1 else ()))
            return Machines(options, size.processes, needed)
    raise ValueError(
        f"the largest case takes up to {case_bytes / GIB:.0f} GiB of memory, more than {SIZES[-1].machine_type} has: "
        f"name a machine that has them with --machine_type, and pass {' '.join(ONE_PROCESS)}"
    )


def _needed(case_bytes: int, processes: int) -> int:
    return SYSTEM_BYTES + processes * case_bytes if case_bytes else 0


def _processes(machine_type: str, beam_args: Sequence[str]) -> int:
    """Cases at a time on a machine of that name: one a vCPU; 1 for a name that does not say (e2-medium)."""
    if any("no_use_multiple_sdk_containers" in argument for argument in beam_args):
        return 1  # the threads of a process build one shard at a time
    found = re.search(r"(?:^|-)(?:custom|[a-z]*mem|[a-z]*cpu|standard)-(\d+)", machine_type)
    vcpus = int(found[1]) if found else 1
    threads = given(beam_args, "number_of_worker_harness_threads")
    return min(vcpus, int(threads)) if threads.isdigit() and int(threads) else vcpus
