"""Numbers do not hang on the CPU: where numpy, numba and OpenCV may use the least of it, the content is the same.

Bytes are not promised across CPUs, since last bits of floats may differ; a test report (pytest --junitxml) lists the
files that differ here.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from miniature import write_miniature
from promises import plain_cpu
from promises.release_bytes import release_bytes

from medvision.pipelines.run import run_build
from medvision.pipelines.validate import validate_release
from medvision.schemas.options import BuildOptions

RULES = ("1.4.0", "exact")

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def here_and_plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, list[str]]]:
    """Releases by each of RULES of this process and of a process on the lesser CPU, and what that one used."""
    if not plain_cpu.features()["numpy"]:
        pytest.skip("numpy uses nothing of this CPU that could be switched off")
    home = tmp_path_factory.mktemp("portability")
    raw, here, plain = home / "raw", home / "here", home / "plain"
    write_miniature(raw, plain_cpu.DATASETS, cases=1)
    command = [sys.executable, plain_cpu.__file__, str(raw), str(plain), *RULES]
    environment = plain_cpu.plain_environment(home / "numba")
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:  # this process builds while that one compiles
            for rules in RULES:
                run_build(BuildOptions(str(raw), str(here / rules), plain_cpu.DATASETS, rules))
            told, complaints = child.communicate()
        finally:
            child.kill()
    assert child.returncode == 0, complaints.decode()
    return here, plain, json.loads(told)


def test_the_other_process_used_the_least_of_the_cpu(here_and_plain: tuple[Path, Path, dict[str, list[str]]]) -> None:
    _, _, used = here_and_plain
    assert used == {"numpy": [], "numba": ["generic"], "opencv": []}
    assert plain_cpu.features()["numba"] != ["generic"], "this process is no other CPU than that"


@pytest.mark.parametrize("rules", RULES)
def test_content_is_the_same(
    here_and_plain: tuple[Path, Path, dict[str, list[str]]],
    rules: str,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    here, plain, _ = (side / rules if isinstance(side, Path) else side for side in here_and_plain)
    reports = [validate_release(str(side), "deep") for side in (here, plain)]
    assert [[check.name for check in report.checks if not check.ok] for report in reports] == [[], []]
    assert reports[0].content_hash == reports[1].content_hash != ""
    ours, theirs = release_bytes(here), release_bytes(plain)
    assert set(ours) == set(theirs)
    record_testsuite_property(f"files of other bytes, {rules}", [name for name in ours if ours[name] != theirs[name]])
