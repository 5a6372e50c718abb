"""Every command: help that holds, completion, JSON that scripts can read."""

import argparse
import json
import shlex
import subprocess
from typing import Any

import pyarrow.parquet as pq
import pytest
import shtab

from medvision.pipelines.cli.completion import SHELLS
from medvision.pipelines.main import COMMANDS, main, make_parser


def subparsers() -> dict[str, argparse.ArgumentParser]:
    parser = make_parser()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(commands.choices)


def examples(text: str) -> list[list[str]]:
    """Lines of a help text that are commands, as arguments; what a shell would do with the rest is cut off."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("  medvision ")]
    return [shlex.split(line.partition("  ")[0].partition(">")[0].partition("|")[0])[1:] for line in lines]


def test_every_module_of_a_command_is_listed() -> None:
    assert len(subparsers()) == len(COMMANDS)


@pytest.mark.parametrize("name", sorted(subparsers()))
def test_help_has_examples_that_parse_and_exit_codes(name: str) -> None:
    text = subparsers()[name].format_help()
    found = examples(text)
    assert found
    for arguments in found:
        assert arguments[0] == name
        _, rest = make_parser().parse_known_args(arguments)
        assert rest == []
    assert "exit codes: 0 " in text
    for action in subparsers()[name]._actions:
        assert action.help, f"{name} {action.dest} has no help"


def test_the_first_help_has_examples_that_parse(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    found = examples(capsys.readouterr().out)
    assert len(found) >= 4
    for arguments in found:
        make_parser().parse_args(arguments)


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_names_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in subparsers())


def test_bash_completes_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "bash"])
    script = capsys.readouterr().out
    asked = (
        "COMP_WORDS=(medvision va); COMP_CWORD=1; _shtab_medvision; echo ${COMPREPLY[@]};"
        "COMP_WORDS=(medvision build --pr); COMP_CWORD=2; _shtab_medvision; echo ${COMPREPLY[@]}"
    )
    shown = subprocess.run(["bash", "-c", f"{script}\n{asked}"], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.splitlines() == ["validate", "--private"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_a_completion_script_is_printed_as_it_was_made(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """zsh's has words between colons, which rich takes for names of emoji."""
    main(["completion", shell])
    assert capsys.readouterr().out == shtab.complete(make_parser(), shell=shell)


def test_validate_prints_json(built: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(built.out), "--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is True
    assert {"manifest", "tables", "documents"} <= {check["name"] for check in found["checks"]}
    assert main(["validate", str(built.out.parent), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


def test_inspect_prints_json(built: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pair = pq.read_table(next(built.out.glob("pairs/KiTS23_BoxSize_*/*.parquet"))).to_pylist()[0]
    assert main(["inspect", str(built.out), pair["slice_id"], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    row = pq.read_table(built.out / found["file"]).slice(found["row_number"], 1).to_pylist()[0]
    assert found["row"] == {name: value for name, value in row.items() if name != "image"}
    assert pair["pair_id"] in {item["pair_id"] for item in found["pairs"]}
    assert set(found["sources"]) == {row["source_path"], row["mask_path"]}
    volume = pair["slice_id"].rsplit("-", 2)[0]
    assert main(["inspect", str(built.out), volume, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["row"]["volume_id"] == volume


def test_build_prints_its_manifest(raw: Any, tmp_path: Any, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    places = ["--raw", str(raw), "--out", str(out), "--planes", "axial", "--limit", "1", "--workers", "1"]
    assert main(["build", "ACDC", *places, "--images", "none", "--json"]) == 0
    shown = capfd.readouterr()
    assert json.loads(shown.out) == json.loads((out / "manifest.json").read_text())
    assert "release by rules 1.4.0" in shown.err
