"""`medvision fetch` as a command: from an address to a release, what it prints, and its exit codes."""

import hashlib
import json
import tarfile
from dataclasses import replace

import miniature
import pytest
from faulty_web import web
from services import TOKEN

from medvision.pipelines.fetch import run as run_module
from medvision.pipelines.fetch.faults import FAULTS
from medvision.pipelines.fetch.run import Outcome
from medvision.pipelines.main import main
from medvision.schemas.origin import Origin, WebFile
from medvision.sources.registry import DATASETS

TASK = "Task04_Hippocampus"


@pytest.fixture
def hippocampus(tmp_path, monkeypatch):
    """MSD whose task 4 is served here; yields the server."""
    miniature.write_miniature(tmp_path / "made", ["MSD"], cases=2)
    with tarfile.open(tmp_path / f"{TASK}.tar", "w") as archive:
        archive.add(tmp_path / "made" / "MSD" / TASK, TASK)
    data = (tmp_path / f"{TASK}.tar").read_bytes()
    with web() as server:
        url = server.serve(f"/{TASK}.tar", data)
        source = WebFile(url, TASK, part=TASK, md5=hashlib.md5(data).hexdigest())
        other = WebFile(f"{server.url}/Task02_Heart.tar", "Task02_Heart", part="Task02_Heart")
        served = replace(DATASETS["MSD"], origin=Origin("open", (source, other)))
        monkeypatch.setitem(DATASETS, "MSD", served)
        yield server


def test_the_example_of_the_readme(hippocampus, tmp_path, capsys):
    root, out = str(tmp_path / "root"), str(tmp_path / "out")
    assert main(["fetch", "MSD", "--task", TASK, "--to", root]) == 0
    assert "MSD: 1 fetched" in capsys.readouterr().out
    assert (tmp_path / "root" / "MSD" / TASK / "dataset.json").exists()
    assert main(["check", root]) == 0
    assert "no errors" in capsys.readouterr().out
    assert main(["build", "MSD", "--raw", root, "--out", out, "--workers", "1"]) == 0
    assert main(["validate", out]) == 0
    capsys.readouterr()
    assert main(["fetch", "MSD", "--task", TASK, "--to", root]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_a_dry_run_prints_json_of_the_parts_that_were_named(hippocampus, tmp_path, capsys):
    assert main(["fetch", "MSD", "--task", TASK, "--to", str(tmp_path / "root"), "--dry-run", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["to"] == str(tmp_path / "root" / "MSD")
    assert len(row["sources"]) == 1
    assert f"{TASK}.tar -> " in row["sources"][0]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["fetch", "MSD", "--to", str(tmp_path / "file")]) == 2
    assert "is a file; name a folder" in capsys.readouterr().err


def test_what_is_missing_is_said_with_its_code(hippocampus, tmp_path, capsys):
    assert main(["fetch", "MSD", "--to", str(tmp_path / "root"), "--json"]) == 1
    printed = capsys.readouterr()
    (row,) = json.loads(printed.out)
    assert [fault["code"] for fault in row["faults"]] == ["denied"]
    assert len(row["fetched"]) == 1
    assert "Task02_Heart.tar: the server wants a login, or terms that were not accepted (status 403)" in printed.err


def test_by_hand_means_steps_and_exit_code_1(tmp_path, capsys):
    for name, words in (
        ("ACDC", "4. Put ACDC.zip into one folder, as downloaded: DIR."),
        ("SKM-TEA", "1. Log in at https://aimi.stanford.edu/datasets/skm-tea-knee-mri and accept"),
        ("BCV15", "2. On https://www.synapse.org/Synapse:syn3193805 join the challenge"),
        ("AbdomenAtlas1.0Mini", "https://huggingface.co/settings/tokens"),
    ):
        assert main(["fetch", name, "--to", str(tmp_path / "root")]) == 1
        printed = capsys.readouterr().out
        assert words in printed
        assert f"then: medvision check {tmp_path / 'root'} {name}" in printed
        assert not (tmp_path / "root" / name).exists()


def test_what_cannot_start_says_why_with_exit_code_2(tmp_path, capsys):
    secret = tmp_path / "token"
    secret.write_text(f"{TOKEN}\n")
    (tmp_path / "bytes").write_bytes(b"\xa1\xff")
    (tmp_path / "file").touch()
    for arguments, words in (
        ([], "name datasets"),
        (["MSD"], "--to ROOT"),
        (["MSD", "--to", "gs://bucket/raw"], "not a local folder"),
        (["MSDD", "--to", "x"], "did you mean MSD?"),
        (["MSD", "--task", "Task99", "--to", "x"], "MSD has no part 'Task99'"),
        (["ACDC", "--from", str(tmp_path / "nowhere"), "--to", "x"], "is not a folder"),
        (["MSD", "--token-file", str(secret), "--to", "x"], "the token is of no use here"),
        (["BCV15", "AbdomenAtlas1.0Mini", "--token", TOKEN, "--to", "x"], "is of one of Hugging Face, Synapse"),
        (["BCV15", "--token-file", str(tmp_path / "nowhere"), "--to", "x"], "nowhere"),
        (["BCV15", "--token-file", str(tmp_path / "bytes"), "--to", "x"], "bytes does not hold one token"),
        (["BCV15", "--token-file", str(tmp_path), "--to", "x"], "Is a directory"),
        (["BCV15", "--token", f"{TOKEN}\u2026", "--to", "x"], "--token does not hold one token"),
        (["ACDC", "--to", str(tmp_path / "file" / "below")], "Not a directory"),
    ):
        assert main(["fetch", *arguments]) == 2
        printed = capsys.readouterr()
        assert words in printed.err
        assert TOKEN not in printed.err + printed.out


def test_the_token_goes_to_the_datasets_that_take_one(tmp_path, monkeypatch):
    given = {}

    def fetch_dataset(dataset, parts, root, folder, resolver, show):
        given[dataset.name] = resolver.token
        return Outcome(dataset.name)

    monkeypatch.setattr(run_module, "fetch_dataset", fetch_dataset)
    assert main(["fetch", "BCV15", "TotalSegmentator", "KiTS23", "--token", TOKEN, "--to", str(tmp_path)]) == 0
    assert given == {"BCV15": TOKEN, "TotalSegmentator": "", "KiTS23": ""}
    (tmp_path / "token").write_text(f"\ufeff{TOKEN}\r\n", encoding="utf-8")  # as editors on Windows save it
    assert main(["fetch", "BCV15", "--token-file", str(tmp_path / "token"), "--to", str(tmp_path)]) == 0
    assert given["BCV15"] == TOKEN


def test_whoever_stops_it_is_told_how_to_go_on(tmp_path, monkeypatch, capsys):
    def fetch_dataset(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "fetch_dataset", fetch_dataset)
    assert main(["fetch", "MSD", "--to", str(tmp_path)]) == 1
    assert "run the same command again" in capsys.readouterr().out


def test_the_list_and_the_plan_ask_no_server(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("requests.Session.request", None)
    assert main(["fetch", "--list", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["dataset"] for row in rows] == list(DATASETS)
    assert main(["fetch", "--list", "KiTS23"]) == 0
    assert "github.com, Hugging Face" in capsys.readouterr().out
    assert main(["fetch", "all", "--to", "ROOT", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert (
        "https://zenodo.org/records/15692630 TopCoW2024_Data_Release.zip -> TopCoW2024_Data_Release/ (10.51 GB)"
        in printed
    )
    assert "ACDC" not in printed
    assert main(["fetch", "MSD", "--task", TASK, "--to", "ROOT", "--dry-run", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert [source.rpartition(" -> ")[2] for source in row["sources"]] == [f"{TASK}/"]
    assert not (tmp_path / "ROOT").exists()


def test_every_fault_has_words():
    assert all(text and not text.endswith(".") for text in FAULTS.values())
