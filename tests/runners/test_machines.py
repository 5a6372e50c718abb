"""Machines by memory: as many cases at a time as fit, and a word about those that fit nowhere."""

import pytest

from medvision.runners.machines import GIB, ONE_PROCESS, choose_machines

STANDARD, HIGHMEM, LARGE = (
    ("--machine_type=e2-standard-4",),
    ("--machine_type=e2-highmem-4",),
    ("--machine_type=e2-highmem-8", *ONE_PROCESS),
)


@pytest.mark.parametrize(
    ("case_gib", "options", "processes", "machine_gib"),
    [
        (0, STANDARD, 4, 0),
        (1, STANDARD, 4, 5),
        (3.75, STANDARD, 4, 16),
        (3.76, HIGHMEM, 4, 16.04),
        (7.75, HIGHMEM, 4, 32),
        (7.8, (*HIGHMEM, *ONE_PROCESS), 1, 8.8),
        (31.5, LARGE, 1, 32.5),
    ],
)
def test_the_smallest_that_holds_a_case_a_process(
    case_gib: float, options: tuple[str, ...], processes: int, machine_gib: float
) -> None:
    found = choose_machines(int(case_gib * GIB), ())
    assert (found.options, found.processes) == (options, processes)
    assert found.min_ram_bytes == pytest.approx(machine_gib * GIB, abs=8)


@pytest.mark.parametrize(
    ("args", "processes"),
    [
        (["--machine_type=e2-standard-8"], 8),
        (["--worker_machine_type", "n2d-highmem-16"], 16),
        (["--machine_type=custom-6-20480"], 6),
        (["--machine_type=n1-custom-2-19456-ext"], 2),
        (["--machine_type=c3-standard-4-lssd"], 4),
        (["--machine_type=e2-medium"], 1),
        (["--machine_type=n2-highmem-8", "--number_of_worker_harness_threads=3"], 3),
        (["--machine_type=n2-highmem-8", "--experiments=x,no_use_multiple_sdk_containers"], 1),
    ],
)
def test_a_machine_of_the_users_is_taken_by_its_name(args: list[str], processes: int) -> None:
    found = choose_machines(2 * GIB, args)
    assert found.options == ()
    assert found.processes == processes
    assert found.min_ram_bytes == GIB + processes * 2 * GIB


def test_a_case_that_fits_nowhere_is_said() -> None:
    with pytest.raises(ValueError, match=r"64 GiB .* more than e2-highmem-8 has: .*--machine_type"):
        choose_machines(64 * GIB, ())
