"""Plan files as text: members, order, bytes that do not change, and reading a case at a time."""

import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from medvision.schemas.rules import RULES
from medvision.sources.registry import DATASETS
from medvision.transforms.plans import text as plan_text
from medvision.transforms.plans.spool import PlanSpool
from medvision.transforms.plans.tasks import dataset_info, plan_tasks
from medvision.transforms.plans.text import members, packed, read_plan, to_json
from medvision.transforms.store import Store

BCV15 = DATASETS["BCV15"]
TASKS = plan_tasks(BCV15, "detection", RULES["1.4.0"])
ORDER = {(1, "train"): ["c", "a", "unbuilt"], (1, "test"): ["b"], (2, "train"): [], (2, "test"): ["a"]}


def case(task: int, name: str) -> dict[str, Any]:
    return {"case_ID": f"{task}{name}", "image_file": f"Images/{name}", "affine": [[1.0, -0.0], [0.5, 2.0]]}


def written(folder: Path) -> tuple[bytes, int]:
    """The plan of BCV15, its cases added in another order than theirs, and one that no side names."""
    store = Store(str(folder))
    with PlanSpool() as spool:
        for task, name in ((1, "a"), (2, "a"), (1, "b"), (1, "c"), (2, "elsewhere")):
            spool.add(task, name, case(task, name))
        with store.writing("plan.json.gz") as out:
            total = spool.write(out, dataset_info(BCV15), TASKS, ORDER)
    return store.read("plan.json.gz"), total


def test_a_plan_is_gzip_json_with_upstreams_keys_in_order(tmp_path: Path) -> None:
    data, total = written(tmp_path)
    with gzip.open(io.BytesIO(data), "rt") as stream:
        plan = json.load(stream)
    assert total == 4
    assert list(plan) == ["dataset_info", "tasks", "tasks_number"]
    assert plan["dataset_info"] == dataset_info(BCV15)
    assert plan["tasks_number"] == 2
    first, second = plan["tasks"]
    counted = ["train_cases_number", "train_cases", "test_cases_number", "test_cases"]
    assert list(first) == [*TASKS[0].head, *counted]
    assert [case["case_ID"] for case in first["train_cases"]] == ["1c", "1a"]
    assert first["train_cases"][1] == case(1, "a")
    numbers = [(task["train_cases_number"], task["test_cases_number"]) for task in (first, second)]
    assert numbers == [(2, 1), (0, 1)]
    assert second["train_cases"] == []


def test_the_same_plan_has_the_same_bytes(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a")[0], written(tmp_path / "b")[0]
    assert first == second
    assert first[4:8] == bytes(4)  # no clock in the header
    assert first[3] == 0  # no name
    assert b"Images" not in first


def test_each_case_is_a_member(tmp_path: Path) -> None:
    data, _ = written(tmp_path)
    texts = list(members(io.BytesIO(data)))
    assert [json.loads(text)["case_ID"] for text in texts if text.startswith('{"case_ID')] == ["1c", "1a", "1b", "2a"]
    assert "".join(texts).encode() == gzip.decompress(data)


def test_two_images_of_a_task_have_two_names() -> None:
    with PlanSpool() as spool:
        spool.add(1, "a", case(1, "a"))
        spool.add(2, "a", case(2, "a"))
        with pytest.raises(ValueError, match="two images of task 01 are named a"):
            spool.add(1, "a", case(1, "a"))


def test_a_number_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"value": float("nan")})


@pytest.mark.parametrize("block", [1, 7, 1 << 16])
def test_reading_does_not_depend_on_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(plan_text, "BLOCK_BYTES", block)
    data, _ = written(tmp_path)
    plan = read_plan(io.BytesIO(data), lambda case: case["case_ID"])
    assert [[task["train_cases"], task["test_cases"]] for task in plan["tasks"]] == [
        [["1c", "1a"], ["1b"]],
        [[], ["2a"]],
    ]


def test_a_plan_of_one_member_is_read_alike(tmp_path: Path) -> None:
    """Upstream's, indented by 4."""
    data, _ = written(tmp_path)
    text = json.dumps(json.loads(gzip.decompress(data)), indent=4)
    for whole in (gzip.compress(text.encode()), packed(text)):
        plan = read_plan(io.BytesIO(whole), lambda case: case["case_ID"])
        assert plan == read_plan(io.BytesIO(data), lambda case: case["case_ID"])


def test_only_one_case_is_in_memory(tmp_path: Path) -> None:
    """Each case is reduced before the next one is unpacked."""
    data, _ = written(tmp_path)
    stream = io.BytesIO(data)
    seen = []
    read_plan(stream, lambda case: seen.append((case["case_ID"], len(seen))))
    assert seen == [("1c", 0), ("1a", 1), ("1b", 2), ("2a", 3)]


@pytest.mark.parametrize("cut", [5, 40, -1, -30])
def test_a_cut_file_is_an_error(tmp_path: Path, cut: int) -> None:
    data, _ = written(tmp_path)
    with pytest.raises((EOFError, ValueError)):
        read_plan(io.BytesIO(data[:cut]), dict)


@pytest.mark.parametrize("data", [b"", b"no gzip at all", packed("{"), packed("{}") + b"tail"])
def test_what_is_no_plan_is_an_error(data: bytes) -> None:
    with pytest.raises((ValueError, KeyError)):
        read_plan(io.BytesIO(data), dict)
