"""Templates: the built-in file says every fact, and another file is refused where it would fail later."""

import re
from importlib import resources
from pathlib import Path

import pytest

from medvision.pipelines.prompts.errors import PromptError
from medvision.pipelines.prompts.templates import load_templates
from medvision.schemas.prompts import QUESTIONS

TEXT = resources.files("medvision.pipelines.prompts").joinpath("templates.toml").read_text("utf-8")
FACTS = {
    "description": "an abdominal scan",
    "label": "THE LABEL",
    "modality": "CT",
    "plane": "axial",
    "width": 9_871,
    "height": 5_432,
    "pixel_width_mm": "0.111",
    "pixel_height_mm": "0.222",
    "unit": "UNITS",
    "points": ["P-A", "P-B", "P-C", "P-D"],
    "name": "THE NAME",
    "directed": False,
}


@pytest.mark.parametrize("kind", QUESTIONS)
def test_every_fact_is_said(kind: str) -> None:
    asked = load_templates().texts[kind].ask(FACTS)
    said = ["an abdominal scan", "<answer>", "</answer>"]
    said += [] if kind == "box" else ["9871 pixels wide", "5432 pixels high", "0.111", "0.222", "UNITS"]
    said += {"distance": FACTS["points"][:2], "angle": FACTS["points"]}.get(kind, ["THE LABEL"])  # type: ignore[index]
    for fact in said:
        assert str(fact) in asked
    assert ("THE NAME" in asked) == (kind in ("distance", "angle"))
    assert re.search(r"millimeters? wide", asked) is not None or kind == "box"
    assert not re.search(r"\n\n|[ \t]\n|  ", asked)
    plain = load_templates().texts[kind].ask({**FACTS, "description": "", "name": "", "directed": True})
    assert ": ." not in plain
    assert "scan" not in plain
    assert ("from the P-C to the P-D" in plain) == (kind == "angle")


def test_answers_are_rounded_and_never_minus_nought() -> None:
    tell = load_templates().texts["box"].tell
    assert tell([0.25, 1 / 3, -0.0001, 1]) == "<answer>0.250, 0.333, 0.000, 1.000</answer>"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "{{ label }}. Give",
            "{{ lable }}. Give",
            r"\[box\] question names \{\{ lable \}\}; it may name description, label",
        ),
        (
            "{{ points[0] }} and the {{ points[1] }}?",
            "{{ points[7] }}?",
            r"\[distance\] cannot be filled in: .*no element 7",
        ),
        ('[box]\nquestion = """', '[box]\nquestion = """{{ points }}', r"\[box\] question names \{\{ points \}\}"),
        ("{{ width }} pixels", "{{ wide }} pixels", r"\[shared\] size, which \[mask\] uses, names \{\{ wide \}\}"),
        ("<answer>{{ numbers }}</answer>", "<answer></answer>", r"\[box\] answer lacks \{\{ numbers \}\}"),
        ("decimals = 3", 'decimals = "3"', r"\[box\] needs decimals \(int\)"),
        ("decimals = 3", "decimals = 30", r"decimals = 30; give 0 to 12"),
        ("decimals = 3", "decimals = 3\nmore = 1", r"\[box\] has 'more'; its fields are question, answer, decimals"),
        ("[mask]", "[area]", r"no kind of question is named \[area\]; box, mask"),
        ("\n[shared]", '\n[shared]\nlabel = "x"', r"\[shared\] label has the name of a placeholder"),
        ("{% if description %}", "{% if description %", r"no Jinja template"),
        ("\n[shared]", "\n[shared", r"is no TOML"),
        ("{{ width }} pixels", "{{ width + ' ' }}pixels", r"\[mask\] cannot be filled in: .*'int' and 'str'"),
        ("{{ tags }}: four", "{{ tags.__class__ }}: four", r"\[box\] cannot be filled in"),
    ],
)
def test_another_file_is_checked_before_it_is_used(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in TEXT
    own = tmp_path / "own.toml"
    own.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PromptError, match=f"own.toml.*{words}"):
        load_templates(str(own))


def test_a_template_may_count_with_its_numbers(tmp_path: Path) -> None:
    own, half = tmp_path / "own.toml", "{{ width // 2 }} times {{ 2 / (pixel_width_mm | float) }}"
    own.write_text(TEXT.replace("{{ width }}", half, 1), encoding="utf-8")
    facts = {**FACTS, "pixel_width_mm": "0.250"}
    assert "4935 times 8.0 pixels wide" in load_templates(str(own)).texts["mask"].ask(facts)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="cannot be read: No such file"):
        load_templates(str(tmp_path / "none.toml"))
    (tmp_path / "bad.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PromptError, match="cannot be read: not UTF-8"):
        load_templates(str(tmp_path / "bad.toml"))
