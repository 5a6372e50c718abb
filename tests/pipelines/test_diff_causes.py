"""Each switch as the cause of a difference: rows of one small case, measured with it one way and the other."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from phantom import ellipsoid

from medvision.pipelines.diff.causes import CauseSearch
from medvision.pipelines.diff.compare import Comparison, compare_shard
from medvision.pipelines.diff.halves import Half
from medvision.pipelines.diff.meaning import SLICE, Meaning
from medvision.pipelines.diff.switches import differing
from medvision.pipelines.diff.tally import ANY, Tally
from medvision.schemas.case import Case, CaseImage, SourceFile
from medvision.schemas.dataset import Dataset, LesionTask, Task
from medvision.schemas.faults import DataFault
from medvision.schemas.options import BuildOptions
from medvision.schemas.rows import ANNOTATION_SCHEMA
from medvision.schemas.rules import RULES, Rules
from medvision.schemas.volume import Grid, Volume
from medvision.sources.registry import DATASETS
from medvision.transforms.match import Matched
from medvision.transforms.read import Mask
from medvision.transforms.remeasure.spacing import Voxels
from medvision.transforms.rows import image_rows, lesion_volumes, measure_case
from medvision.transforms.select import select_cases

SHAPE = (30, 34, 16)
AFFINE_MM, HEADER_MM = (0.7, 1.1, 2.3), (0.8, 1.3, 2.5)
MASK_MM, MASK_HEADER_MM = (0.71, 1.12, 2.31), (0.9, 1.2, 2.7)
KINDS = (SLICE, "BoxSize", "MaskSize", "TumorLesionSize", "LesionDiameter")
TASK = Task(
    number=1,
    image="{case}.nii",
    mask="{case}_mask.nii",
    case=r"\d+",
    labels={1: "liver", 2: "cancer", 3: "other"},
    labels_exact={1: "liver", 2: "tumour", 3: "other"},
    ignored_labels=(3,),
    modality="MRI",
    description="a scan",
    physical_planes=("axial", "coronal"),
)
TOY = replace(DATASETS["KiTS23"], name="Toy", tasks=(TASK,), lesion_tasks=(LesionTask(1, 1, 2),), suspect={})
KEY = ("7", 1, "7_mask.nii", "")
VOLUMES = {KEY: Voxels(HEADER_MM, MASK_HEADER_MM, MASK_MM)}


def grid(spacing_mm: tuple[float, ...], zooms_mm: tuple[float, float, float], shift_mm: float) -> Grid:
    affine = np.diag([*spacing_mm, 1.0])
    affine[0, 3] = shift_mm
    return Grid(SHAPE, affine, zooms_mm, "LPS")


def labels() -> np.ndarray:
    """An organ, lesions of many sizes and shapes, and on some slices nothing but a label without meaning."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[ellipsoid(SHAPE, (15, 16, 8), (12, 14, 5))] = 1
    mask[ellipsoid(SHAPE, (12, 13, 8), (6, 3, 3), 30.0)] = 2
    mask[20:22, 20:29, 6:9] = 2
    mask[5:7, 26:28, 7] = 2
    mask[25, 20:31, 4:12] = 2  # one pixel thin
    mask[2, 2, :3] = 2
    mask[22:26, 9:13, 7] = mask[26:28, 13:15, 7] = 2  # touch at a corner
    mask[26:29, 3:6, 14] = 3
    return mask


def rows_by(rules: Rules, monkeypatch: pytest.MonkeyPatch, dataset: Dataset = TOY) -> pa.Table:
    """The case's rows by these rules; none where they leave it out."""
    monkeypatch.setitem(RULES, "asked", rules)
    options = BuildOptions("", "", ("Toy",), rules="asked", images="none")
    files = [SourceFile(f"7{end}.nii", 1, "") for end in ("", "_mask")]
    case = Case("Toy", "7", "7", (CaseImage(1, files[0], None, "7.nii.gz"),), (files[1],))
    nothing = ANNOTATION_SCHEMA.empty_table()
    if not select_cases(Matched((case,), ()), dataset, rules).cases:
        return nothing
    mask = Mask(Volume(labels(), grid(MASK_MM, MASK_HEADER_MM, 0.3), 1.0, 0.0), 0)
    image = Volume(np.ones(SHAPE, np.int16), grid(AFFINE_MM, HEADER_MM, 0.0), 1.0, 0.0)
    try:
        measured = measure_case(case, mask, dataset, options)
        lesions = lesion_volumes(measured, case.images[0], dataset)
        planes = list(image_rows(measured, case.images[0], image, lesions, dataset, options, "train"))
    except DataFault:
        return nothing
    return pa.Table.from_batches([plane.batch for plane in planes])


def causes(
    first: Rules, second: Rules, monkeypatch: pytest.MonkeyPatch, dataset: Dataset = TOY
) -> dict[tuple[str, str], set[str]]:
    """Causes by (kind, state) between builds by two sets of rules."""
    halves = [
        Half(name, rows_by(rules, monkeypatch, dataset), rules, rules, dataset, VOLUMES)
        for name, rules in (("A", first), ("B", second))
    ]
    names = differing(first, second)
    tally = Tally()
    for kind in KINDS:
        how = Comparison(names, names, lambda *asked: "", lambda *asked: "")
        compare_shard(halves[0], halves[1], kind, how, tally)
    found: dict[tuple[str, str], set[str]] = {}
    for key in tally.listed():
        if key.quantity == ANY:
            found.setdefault((key.kind, key.state), set()).add(key.cause)
    return found


BASE = replace(
    RULES["1.4.0"], conic_floor_mm=0.0, conic_floor_pixels=0.0, conic_min_minor_pixels=0.0, conic_runaway=0.0
)
REJECTING = replace(BASE, grid_mismatch="reject")
LESIONS = "TumorLesionSize"
NUMBERED_KINDS = {SLICE, "BoxSize", "MaskSize", LESIONS}
CASES = [
    ("spacing_source", "affine", BASE, {"BoxSize", "MaskSize", LESIONS}),
    ("label_names", "exact", BASE, {SLICE, "BoxSize", "MaskSize", LESIONS}),
    ("physical_planes_only", True, BASE, NUMBERED_KINDS),
    ("grid_mismatch", "reject", BASE, NUMBERED_KINDS),
    ("grid_tolerance", 9.0, REJECTING, NUMBERED_KINDS),
    ("lesion_min_pixels", 20, BASE, {LESIONS}),
    ("conic_spacing", "swapped", BASE, {LESIONS}),
    ("conic_length", "rounded_ends", BASE, {LESIONS}),
    ("conic_gate", True, BASE, {LESIONS}),
    ("conic_floor_mm", 9.0, BASE, {LESIONS}),
    ("conic_floor_pixels", 5.0, BASE, {LESIONS}),
    ("conic_min_points", 14, BASE, {LESIONS}),
    ("conic_min_minor_pixels", 2.0, BASE, {LESIONS}),
    ("conic_runaway", 0.9, BASE, {LESIONS}),
    ("min_box_pixels", 4, BASE, {"BoxSize"}),
    ("min_mask_pixels", 50, BASE, {"MaskSize"}),
    ("connectivity", "corners", BASE, {"BoxSize"}),
    ("lesion_axes", "moments", BASE, {LESIONS, "LesionDiameter"}),
    ("counted_clusters", "measured", replace(BASE, lesion_min_pixels=20), {LESIONS}),
]


@pytest.mark.parametrize(("switch", "value", "base", "kinds"), CASES, ids=[case[0] for case in CASES])
def test_one_switch_is_the_cause_both_ways(monkeypatch, switch, value, base, kinds):
    other = replace(base, **{switch: value})
    for pair in ((base, other), (other, base)):
        found = causes(*pair, monkeypatch)
        assert {kind for kind, _ in found} == kinds
        assert set().union(*found.values()) == {switch}


@pytest.mark.parametrize("listed", ["known_bad", "no_mm"])
def test_a_listed_case_is_the_cause(monkeypatch, listed):
    dataset = replace(TOY, **{listed: {"7": "for a reason"}})
    found = causes(BASE, replace(BASE, known_bad="exclude"), monkeypatch, dataset)
    assert found == {(kind, "only_a"): {"known_bad"} for kind in NUMBERED_KINDS}
    assert causes(BASE, replace(BASE, known_bad="exclude"), monkeypatch) == {}


@pytest.mark.parametrize(("before", "after", "kinds"), [("none", "lesions", {LESIONS}), ("none", "none", set())])
def test_a_late_case_has_pairs_of_the_kinds_that_hold_it(monkeypatch, before, after, kinds):
    dataset = replace(TOY, late_cases={"7": "came late"})
    found = causes(replace(BASE, late_cases=before), replace(BASE, late_cases=after), monkeypatch, dataset)
    assert found == {(kind, "only_b"): {"late_cases"} for kind in kinds}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"conic_spacing": "swapped", "conic_length": "rounded_ends"}, "joint: conic_spacing + conic_length"),
        (
            {"conic_spacing": "swapped", "conic_length": "rounded_ends", "spacing_source": "affine"},
            "joint: spacing_source + conic_spacing + conic_length",
        ),
    ],
)
def test_what_no_switch_does_alone_is_joint(monkeypatch, changes, expected):
    found = causes(BASE, replace(BASE, **changes), monkeypatch)
    assert expected in found[LESIONS, "changed"]
    assert not any(cause.startswith("unexplained") for kinds in found.values() for cause in kinds)


def test_a_joint_cause_holds_no_switch_without_effect(monkeypatch):
    other = replace(BASE, conic_spacing="swapped", conic_length="rounded_ends", conic_min_points=6, conic_runaway=50.0)
    for kinds in causes(BASE, other, monkeypatch).values():
        assert not any("conic_min_points" in cause or "conic_runaway" in cause for cause in kinds)


# The search alone


def meaning(values: dict[str, float]) -> Meaning:
    ids = pa.array(list(values), pa.string())
    empty = pa.table({"none": pa.nulls(len(values), pa.string()).fill_null("")})
    counts = np.zeros(len(values), np.int64)
    return Meaning(
        "MaskSize", ids, empty, empty, np.array(list(values.values())).reshape(-1, 1), counts, np.zeros((0, 1))
    )


def search(expected: dict[str, float], made: dict[frozenset[str], dict[str, float]], switches: str) -> list[str]:
    ids = pa.array(["x"])
    evaluate = {names: meaning(values) for names, values in made.items()}
    other = meaning({"x": -1.0})
    return CauseSearch(ids, meaning(expected), list(switches), lambda names, rows: evaluate.get(names, other)).run(
        np.array([True])
    )


def sets(*names: str) -> dict[frozenset[str], dict[str, float]]:
    """Sets of switches, a letter each, that give 5."""
    return {frozenset(name): {"x": 5.0} for name in names}


@pytest.mark.parametrize(
    ("giving", "cause"),
    [
        (("a", "abc"), "a"),
        (("ab", "abc"), "joint: a + b"),
        (("ac", "abc"), "joint: a + c"),
        (("abc",), "joint: a + b + c"),
        (("c", "ab", "abc"), "c"),
        (("a",), ""),  # all together do not give it: one of them does by chance
        ((), ""),
    ],
)
def test_the_smallest_set_is_the_cause(giving, cause):
    assert search({"x": 5.0}, sets(*giving), "abc") == [cause]


def test_three_of_four_are_named_where_the_fourth_does_nothing():
    assert search({"x": 5.0}, sets("abc", "abcd"), "abcd") == ["joint: a + b + c"]


def test_a_vanished_pair_has_a_cause():
    gone = {frozenset("b"): {}, frozenset("ab"): {}}
    assert search({}, gone, "ab") == ["b"]
    assert search({}, {}, "ab") == [""]


def test_evidence_that_does_not_give_its_own_value_explains_nothing():
    found = CauseSearch(pa.array(["x"]), meaning({"x": 5.0}), ["a"], lambda names, rows: meaning({"x": 5.0}))
    assert found.run(np.array([False])) == [""]


def test_numbers_are_equal_within_a_billionth():
    nearly, beyond = 5.0 * (1 + 5e-10), 5.0 * (1 + 5e-9)
    assert search({"x": nearly}, sets("a"), "a") == ["a"]
    assert search({"x": beyond}, sets("a"), "a") == [""]
