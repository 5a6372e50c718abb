"""Notes of workers: a case left in hand is blamed in its own run only, and progress adds up over processes."""

import json
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from medvision.transforms import notes
from medvision.transforms.notes import CaseNotes, attempts_under_way, let_go, note_progress, read_progress
from medvision.transforms.store import Store

KEY = "k" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def test_a_note_left_behind_is_a_death_of_its_case(store):
    assert CaseNotes(store, KEY, "run", "first").deaths() == {}
    for attempt in ("first", "second"):
        CaseNotes(store, KEY, "run", attempt).hold("case_00007")
    CaseNotes(store, KEY, "run", "third").hold("case_00008")
    deaths = CaseNotes(store, KEY, "run", "fourth").deaths()
    assert deaths == {"case_00007": 2, "case_00008": 1}
    assert deaths["case_00001"] == 0


def test_only_the_case_in_hand_is_blamed(store):
    notes = CaseNotes(store, KEY, "run", "first")
    notes.hold("case_00001")
    notes.hold("case_00002")
    assert CaseNotes(store, KEY, "run", "second").deaths() == {"case_00002": 1}


def test_a_finished_attempt_blames_none(store):
    notes = CaseNotes(store, KEY, "run", "first")
    notes.hold("case_00001")
    notes.release()
    notes.release()
    assert CaseNotes(store, KEY, "run", "second").deaths() == {}
    assert store.names("") == []


def test_notes_of_other_runs_and_shards_count_for_nothing(store):
    CaseNotes(store, KEY, "ran", "a").hold("case_00001")
    CaseNotes(store, "j" * 32, "run", "b").hold("case_00001")
    assert CaseNotes(store, KEY, "run", "c").deaths() == Counter()


def test_marks_of_all_processes_add_up(tmp_path):
    note_progress(str(tmp_path), "cc")
    note_progress(str(tmp_path), "cds")
    program = "import sys; from medvision.transforms.notes import note_progress; note_progress(sys.argv[1], 'cr')"
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    assert read_progress(str(tmp_path)) == {"c": 4, "d": 1, "s": 1, "r": 1}
    assert len(list(tmp_path.iterdir())) == 2


def test_without_a_folder_there_is_no_progress(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    note_progress("", "c")
    assert list(tmp_path.iterdir()) == []
    assert read_progress(str(tmp_path / "absent")) == {}


def test_a_process_that_is_ended_takes_back_its_notes(store, monkeypatch):
    monkeypatch.setattr(notes, "_ENDING", threading.Event())
    kept, ended = CaseNotes(store, KEY, "run", "kept"), CaseNotes(store, KEY, "run", "ended")
    kept.hold("case_00001")
    kept.release()
    ended.hold("case_00002")
    let_go()
    let_go()
    assert store.names("") == []
    ended.hold("case_00003")
    assert store.names("") == [], "it is ending"


@pytest.mark.parametrize(("end", "left"), [("pass", 0), ("sys.exit(3)", 0), ("os.kill(os.getpid(), 9)", 1)])
def test_a_process_that_ends_in_order_blames_no_case(store, end, left):
    """As a worker beside one that died: Beam does not wait for the thread that has a case in hand."""
    program = (
        "import os, sys, threading\n"
        "from medvision.transforms.notes import CaseNotes\n"
        "from medvision.transforms.store import Store\n"
        "held = threading.Event()\n"
        "def work():\n"
        "    CaseNotes(Store(sys.argv[1]), 'key', 'run', 'a').hold('case')\n"
        "    held.set()\n"
        "    threading.Event().wait()\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        f"held.wait()\n{end}\n"
    )
    subprocess.run([sys.executable, "-c", program, store.root], check=False)
    assert len(store.names("")) == left


def test_attempts_of_other_builds_are_under_way_while_their_processes_live(store):
    for run, attempt in (("mine", "a"), ("theirs", "b")):
        CaseNotes(store, KEY, run, attempt).hold("case_00001")
    program = (
        "import sys; from medvision.transforms.notes import CaseNotes; from medvision.transforms.store import Store\n"
        "CaseNotes(Store(sys.argv[1]), 'k' * 32, 'dead', 'c').hold('case_00001')\n"
        "import os; os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, store.root], check=False)
    names = store.names("")
    assert len(names) == 3
    assert attempts_under_way(store, names, "mine") == {"trying-theirs-b.json", "attempt-b"}
    assert attempts_under_way(store, names, "theirs") == {"trying-mine-a.json", "attempt-a"}
    far = json.loads(store.read(names[0])) | {"host": "elsewhere"}
    store.replace(f".shards/{KEY}/trying-far-d.json", json.dumps(far).encode())
    assert "attempt-d" in attempts_under_way(store, store.names(""), "mine"), "nothing is known of it"
