"""Fetches from start to end: the second run, the lock, what stands in the way, two at once."""

import hashlib
import json
import shutil
import threading
import time
from dataclasses import fields, replace

import pytest
from faulty_web import web
from fetching import NAME, Quiet, fetch, files_of, resolver, table
from hostile_archives import FORMATS, GOOD_ENTRIES, Entry, write
from services import TOKEN, hub, services, synapse, zenodo

from medvision.pipelines.fetch import place as place_module
from medvision.pipelines.fetch.place import DatasetPlace
from medvision.pipelines.fetch.run import chosen_sources, fetch_dataset
from medvision.pipelines.fetch.transfer import Transfer
from medvision.schemas.origin import HandFile, HubFiles, SynapseFile, WebFile, ZenodoFile
from medvision.sources.registry import DATASETS

WHOLE = {f"data/{entry.name}": entry.data for entry in GOOD_ENTRIES}
REPO, REVISION = "someone/some-data", "a" * 40


@pytest.fixture
def server():
    with web() as found:
        yield found


def archive(tmp_path, form="zip", entries=GOOD_ENTRIES) -> bytes:
    return write(form, entries, tmp_path / f"packed.{form}").read_bytes()


def codes(outcome) -> list[str]:
    return [fault.code for fault in outcome.faults]


@pytest.mark.parametrize("form", FORMATS)
def test_each_kind_of_archive_is_fetched_and_a_second_run_does_nothing(form, tmp_path, server):
    source = WebFile(server.serve("/file", archive(tmp_path, form)), "data")
    first = fetch(tmp_path / "root", source)
    assert (first.fetched, first.stood, first.faults) == ([source.url], [], [])
    assert files_of(tmp_path / "root" / NAME) == WHOLE
    assert [path.name for path in (tmp_path / "root").iterdir()] == [NAME]
    asked = len(server.asked)
    second = fetch(tmp_path / "root", source)
    assert (second.fetched, second.stood, second.faults) == ([], [source.url], [])
    assert len(server.asked) == asked


def test_the_lock_holds_check_sums_that_others_can_take(tmp_path, server):
    data = archive(tmp_path)
    fetch(tmp_path / "root", WebFile(server.serve("/file", data), "data"))
    text = (tmp_path / "root" / NAME / "fetch.lock.jsonl").read_text()
    (line,) = (json.loads(line) for line in text.splitlines() if line)
    assert line["sha256"] == hashlib.sha256(data).hexdigest()
    assert (line["bytes"], line["into"], line["files"]) == (len(data), "data", len(GOOD_ENTRIES))
    assert line["content_bytes"] == sum(len(entry.data) for entry in GOOD_ENTRIES)


def test_a_copied_tree_is_the_same_and_a_changed_one_is_not(tmp_path, server):
    source = WebFile(server.serve("/file", archive(tmp_path)), "data")
    fetch(tmp_path / "root", source)
    shutil.copytree(tmp_path / "root", tmp_path / "copy", copy_function=shutil.copyfile)
    asked = len(server.asked)
    assert fetch(tmp_path / "copy", source).stood == [source.url]
    changed = tmp_path / "copy" / NAME / "data" / "dataset.json"
    changed.write_bytes(changed.read_bytes()[::-1])
    assert codes(fetch(tmp_path / "copy", source)) == ["changed_on_disk"]
    (tmp_path / "copy" / NAME / "data" / "more").touch()
    assert "remove" in str(fetch(tmp_path / "copy", source).faults[0])
    assert len(server.asked) == asked
    shutil.rmtree(tmp_path / "copy" / NAME / "data")
    assert fetch(tmp_path / "copy", source).fetched == [source.url]
    assert files_of(tmp_path / "copy" / NAME) == WHOLE


def test_another_file_at_the_source_is_refused_ever_after(tmp_path, server):
    source = WebFile(server.serve("/file", archive(tmp_path)), "data")
    fetch(tmp_path / "root", source)
    shutil.rmtree(tmp_path / "root" / NAME / "data")
    server.serve("/file", archive(tmp_path, entries=(*GOOD_ENTRIES, Entry("more"))))
    assert codes(fetch(tmp_path / "root", source)) == ["changed_since"]
    assert files_of(tmp_path / "root" / NAME) == {}
    server.serve("/file", archive(tmp_path))
    assert fetch(tmp_path / "root", source).ok


def test_what_a_server_packs_anew_is_held_to_what_is_inside(tmp_path, server):
    source = WebFile(server.serve("/file", archive(tmp_path, "zip")), "data", fixed=False)
    fetch(tmp_path / "root", source)
    shutil.rmtree(tmp_path / "root" / NAME / "data")
    server.serve("/file", archive(tmp_path, "tar.gz"))
    assert fetch(tmp_path / "root", source).ok
    shutil.rmtree(tmp_path / "root" / NAME / "data")
    server.serve("/file", archive(tmp_path, "zip", (*GOOD_ENTRIES[:-1], Entry("inner.zip", b"other"))))
    assert codes(fetch(tmp_path / "root", source)) == ["changed_since"]
    assert files_of(tmp_path / "root" / NAME) == {}
    server.serve("/file", archive(tmp_path, "zip"))
    assert fetch(tmp_path / "root", source).ok


def test_what_stands_in_the_way_is_left_alone(tmp_path, server):
    mine = tmp_path / "root" / NAME / "data" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert codes(fetch(tmp_path / "root", WebFile(server.serve("/file", archive(tmp_path)), "data"))) == ["in_the_way"]
    assert files_of(tmp_path / "root" / NAME) == {"data/mine.txt": b"mine"}
    assert not server.asked


def test_a_folder_that_is_a_link_is_fetched_into_where_it_leads(tmp_path, server):
    (tmp_path / "large disk").mkdir()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / NAME).symlink_to(tmp_path / "large disk", target_is_directory=True)
    assert fetch(tmp_path / "root", WebFile(server.serve("/file", archive(tmp_path)), "data")).ok
    assert files_of(tmp_path / "large disk") == WHOLE


@pytest.mark.parametrize("into", ["../outside", "/outside", "a/../../outside", "."])
def test_a_table_cannot_lead_out_of_its_folder(into, tmp_path, server):
    with pytest.raises(ValueError, match="does not lie below"):
        fetch(tmp_path / "root", WebFile(server.serve("/file", archive(tmp_path)), into))


def test_one_bad_source_does_not_stop_the_others(tmp_path, server):
    bad = WebFile(server.serve("/bad", b"no archive", statuses=[404]), "bad")
    outcome = fetch(tmp_path / "root", bad, WebFile(server.serve("/file", archive(tmp_path)), "data"))
    assert codes(outcome) == ["not_found"]
    assert len(outcome.fetched) == 1
    assert files_of(tmp_path / "root" / NAME) == WHOLE


def test_files_that_a_person_has_downloaded_are_checked_and_unpacked(tmp_path):
    data = archive(tmp_path)
    given = tmp_path / "given"
    given.mkdir()
    source = HandFile("ours.zip", "data", sha256=hashlib.sha256(data).hexdigest())
    assert codes(fetch(tmp_path / "root", source)) == ["not_given"]
    assert not (tmp_path / "root" / NAME).exists()
    (given / "ours.zip").write_bytes(data[:-1])
    assert codes(fetch(tmp_path / "root", source, given=given)) == ["checksum_differs"]
    (given / "ours.zip").write_bytes(data)
    assert fetch(tmp_path / "root", source, given=given).ok
    assert files_of(tmp_path / "root" / NAME) == WHOLE
    assert (given / "ours.zip").read_bytes() == data


def test_a_copy_that_was_broken_off_is_not_taken_for_the_file(tmp_path, server, monkeypatch):
    """Nobody states a check sum, so nothing else would tell."""
    source = WebFile(server.serve("/plain.bin", b"x" * 1000), "plain.bin", unpack=False)
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "plain.bin").write_bytes(b"x" * 1000)

    def broken(path, copy):
        copy.write_bytes(path.read_bytes()[:10])
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("shutil.copyfile", broken)
        with pytest.raises(KeyboardInterrupt):
            fetch(tmp_path / "root", source, given=tmp_path / "given")
    assert fetch(tmp_path / "root", source).ok
    assert files_of(tmp_path / "root" / NAME) == {"plain.bin": b"x" * 1000}


def test_a_download_that_was_given_in_the_end_leaves_nothing(tmp_path, server):
    data = archive(tmp_path)
    source = WebFile(server.serve("/ours.zip", data, cut=50, ranges=False), "data", name="ours.zip")
    assert codes(fetch(tmp_path / "root", source)) == ["cut"]
    assert (tmp_path / "root" / ".fetch").exists()
    (tmp_path / "ours.zip").write_bytes(data)
    assert fetch(tmp_path / "root", source, given=tmp_path).ok
    assert [path.name for path in (tmp_path / "root").iterdir()] == [NAME]


def test_as_many_files_come_at_once_as_there_are_connections(tmp_path, server):
    files = {f"images/{number}.bin": bytes([number]) * 99 for number in range(12)}
    at_once, most = [], []
    hub(server, REPO, REVISION, files)

    class Watched(Transfer):
        def fetch(self, *arguments):
            at_once.append(1)
            most.append(len(at_once))
            time.sleep(0.05)
            at_once.pop()
            return super().fetch(*arguments)

    for connections in (1, 3):
        most.clear()
        asking = resolver(services(server), connections=connections)
        watched = Watched(**{name.name: getattr(asking.transfer, name.name) for name in fields(asking.transfer)})
        source = HubFiles(REPO, REVISION, r"images/.*")
        assert fetch_dataset(
            table(source), (), tmp_path / str(connections), None, replace(asking, transfer=watched), Quiet()
        ).ok
        assert max(most) == connections


def test_fetches_that_begin_and_end_at_once_do_not_remove_each_others_folders(tmp_path):
    failed = []

    def work(name):
        try:
            for _ in range(150):
                place = DatasetPlace.below(tmp_path / "root", name)
                with place.alone(lambda: None):
                    place.clean()
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("A", "B", "C", "D")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_repository_is_fetched_file_by_file(tmp_path, server):
    files = {"images/case_00001.nii.gz": b"one" * 50_000, "images/case_00002.nii.gz": b"two", "notes.csv": b"a,b\n"}
    hub(server, REPO, REVISION, files, gated=True)
    images = HubFiles(REPO, REVISION, r"images/(case_\d+)\.nii\.gz", r"\1/imaging.nii.gz", gated=True)
    notes = HubFiles(REPO, REVISION, r".*\.csv", gated=True)
    assert codes(fetch(tmp_path / "root", images)) == ["no_token"]
    asks = {"services": services(server), "token": TOKEN}
    assert codes(fetch(tmp_path / "root", images, services=services(server), token="wrong")) == ["denied"]
    assert fetch(tmp_path / "root", images, notes, **asks).ok
    found = files_of(tmp_path / "root" / NAME)
    assert found == {
        "case_00001/imaging.nii.gz": files["images/case_00001.nii.gz"],
        "case_00002/imaging.nii.gz": b"two",
        "notes.csv": b"a,b\n",
    }
    asked = len(server.asked)
    assert len(fetch(tmp_path / "root", images, notes, **asks).stood) == 3
    assert len(server.asked) == asked
    (tmp_path / "root" / NAME / "case_00002" / "imaging.nii.gz").unlink()
    assert len(fetch(tmp_path / "root", images, notes, **asks).fetched) == 1
    assert TOKEN not in (tmp_path / "root" / NAME / "fetch.lock.jsonl").read_text()


def test_a_file_that_stands_there_already_is_taken_over_if_it_is_the_one(tmp_path, server):
    files = {"a.nii.gz": b"a" * 1000, "b.csv": b"b"}
    hub(server, REPO, REVISION, files)
    source = HubFiles(REPO, REVISION, r".*\.(?:nii\.gz|csv)")
    folder = tmp_path / "root" / NAME
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    outcome = fetch(tmp_path / "root", source, services=services(server))
    assert (len(outcome.stood), outcome.fetched, outcome.faults) == (2, [], [])
    (folder / "fetch.lock.jsonl").unlink()
    (folder / "a.nii.gz").write_bytes(b"b" * 1000)
    assert codes(fetch(tmp_path / "root", source, services=services(server))) == ["checksum_differs"]
    assert (folder / "a.nii.gz").read_bytes() == b"b" * 1000


def test_small_files_of_a_repository_are_held_to_the_hash_of_git(tmp_path, server):
    hub(server, REPO, REVISION, {"notes.csv": b"a,b\n"})
    server.serve(f"/datasets/{REPO}/resolve/{REVISION}/notes.csv", b"a,c\n")
    outcome = fetch(tmp_path / "root", HubFiles(REPO, REVISION, r".*\.csv"), services=services(server))
    assert codes(outcome) == ["checksum_differs"]


def test_a_record_states_what_a_table_does_not(tmp_path, server):
    data = archive(tmp_path)
    zenodo(server, 77, {"second.zip": data, "x.txt": b"x"})
    asks = {"services": services(server)}
    assert fetch(tmp_path / "root", ZenodoFile(77, ("first.zip", "second.zip"), "data"), **asks).ok
    assert files_of(tmp_path / "root" / NAME) == WHOLE
    outcome = fetch(tmp_path / "other", ZenodoFile(77, "third.zip", "data"), **asks)
    assert codes(outcome) == ["unlisted"]
    assert "second.zip, x.txt" in str(outcome.faults[0])
    server.serve("/api/records/77/files/second.zip/content", data[:-1] + b"x")
    assert codes(fetch(tmp_path / "other", ZenodoFile(77, "second.zip", "data"), **asks)) == ["checksum_differs"]


def test_synapse_needs_a_token_and_states_size_and_md5(tmp_path, server):
    data = archive(tmp_path)
    synapse(server, "syn42", "data.zip", data)
    source = SynapseFile("syn42", "data")
    assert codes(fetch(tmp_path / "root", source, services=services(server))) == ["no_token"]
    assert codes(fetch(tmp_path / "root", source, services=services(server), token="wrong")) == ["denied"]
    assert fetch(tmp_path / "root", source, services=services(server), token=TOKEN).ok
    signed = [asked for asked in server.asked if asked.path.startswith("/signed")]
    assert signed
    assert all("authorization" not in asked.headers for asked in signed)
    assert files_of(tmp_path / "root" / NAME) == WHOLE
    server.serve("/signed/syn42", data[:-1] + b"x")
    assert codes(fetch(tmp_path / "b", source, services=services(server), token=TOKEN)) == ["checksum_differs"]


def test_the_next_page_of_a_list_has_to_lie_on_the_same_server(tmp_path, server):
    link = {"Link": '<http://elsewhere.invalid/x>; rel="next"', "Content-Type": "application/json"}
    server.files[f"/api/datasets/{REPO}/tree/{REVISION}"] = lambda asked, body: (200, link, b"[]")
    outcome = fetch(tmp_path / "root", HubFiles(REPO, REVISION, ".*"), services=services(server), token=TOKEN)
    assert codes(outcome) == ["answered"]


def test_a_disk_that_is_too_small_is_said_first(tmp_path, server, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(place_module.shutil, "disk_usage", lambda path: usage._replace(free=place_module.RESERVE + 100))
    outcome = fetch(tmp_path / "root", WebFile(server.serve("/file", archive(tmp_path)), "data"))
    assert codes(outcome) == ["no_space"]
    assert server.sent <= 1
    hub(server, REPO, REVISION, {"a.bin": bytes(90), "b.bin": bytes(90)})
    outcome = fetch(tmp_path / "root", HubFiles(REPO, REVISION, ".*"), services=services(server))
    assert codes(outcome) == ["no_space"]
    assert not [asked for asked in server.asked if "/resolve/" in asked.path]


def test_two_fetches_at_once_fetch_once(tmp_path, server):
    source = WebFile(server.serve("/file", archive(tmp_path), pause=0.05), "data")
    outcomes, shows = [], [Quiet(), Quiet(), Quiet()]

    def run(show):
        outcomes.append(fetch_dataset(table(source), (), tmp_path / "root", None, resolver(), show))

    threads = [threading.Thread(target=run, args=(show,)) for show in shows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(outcome.fetched) for outcome in outcomes) == [0, 0, 1]
    assert all(outcome.ok for outcome in outcomes)
    assert files_of(tmp_path / "root" / NAME) == WHOLE
    assert not (tmp_path / "root" / ".fetch").exists()


def test_parts_are_chosen_by_name(tmp_path):
    msd = DATASETS["MSD"]
    assert [source.into for source in chosen_sources(msd, ("task04_hippocampus",))] == ["Task04_Hippocampus"]
    assert len(chosen_sources(msd, ())) == 10
    with pytest.raises(ValueError, match="MSD has no part 'Task11': its parts are Task01_BrainTumour"):
        chosen_sources(msd, ("Task11",))
    with pytest.raises(ValueError, match="does not say where its files are"):
        chosen_sources(replace(msd, origin=None), ())
