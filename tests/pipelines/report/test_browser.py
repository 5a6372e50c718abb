"""The page in a browser: nothing is asked of a network, filters, keys and dialogs do as they say, nothing overflows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import find_chromium

from medvision.pipelines.report.run import write_report

pytestmark = pytest.mark.heavy
Open = Any
"""Opens a page at a hash, with a width."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = find_chromium()
    sync = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(built, tmp_path_factory) -> Path:
    to = tmp_path_factory.mktemp("browser") / "page.html"
    write_report(str(built.out), str(to))
    return to


@pytest.fixture
def visit(chromium) -> Iterator[Open]:
    """Open a file at a hash; after the test nothing was asked for and nothing went wrong."""
    faults: list[str] = []
    contexts = []

    def go(path: Path, hash: str = "", width: int = 1280, **options: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request",
            lambda r: r.url.startswith("data:") or r.url.split("#")[0] == path.as_uri() or faults.append(r.url),
        )
        page.goto(path.as_uri() + hash)
        return page

    yield go
    for context in contexts:
        context.close()
    assert faults == []


def shown(page: Any) -> list[str]:
    return page.eval_on_selector_all(".card:not([hidden])", "cards => cards.map(card => card.dataset.slice)")


def settles(read: Any, page: Any, expected: Any) -> None:
    """What a page shows once its own timers and queued events are through; a second or two on a busy machine."""
    for _ in range(100):
        if read(page) == expected:
            return
        page.wait_for_timeout(50)
    assert read(page) == expected


def focused(page: Any) -> str:
    return page.evaluate("document.activeElement.closest('.card')?.dataset.slice ?? document.activeElement.id")


def test_filters_combine_are_counted_and_stay_in_the_address(visit, report):
    page = visit(report)
    every = shown(page)
    page.select_option("#filter-dataset", "=KiTS23")
    of_kits = [name for name in every if name.startswith("KiTS23")]
    settles(shown, page, of_kits)
    page.select_option("#filter-label", "=kidney tumor")
    both = shown(page)
    assert both
    assert set(both) <= set(of_kits)
    assert page.inner_text("#count") == f"{len(both)} of {len(every)} slices"
    assert page.get_attribute("#count", "aria-live") == "polite"
    again = visit(report, page.evaluate("location.hash"))
    settles(shown, again, both)
    assert again.input_value("#filter-label") == "=kidney tumor"
    rows = again.eval_on_selector_all(
        "#labels tbody tr:not([hidden])", "rows => rows.map(row => row.cells[1].innerText)"
    )
    assert rows == ["kidney tumor"]
    assert again.is_disabled("#filter-dataset option[value='=ACDC']")
    again.click("#clear")
    again.wait_for_function("!location.hash")
    settles(shown, again, every)


def test_a_search_without_a_match_says_so(visit, report):
    page = visit(report)
    page.keyboard.press("/")
    settles(focused, page, "find")
    page.keyboard.type("no such slice")
    assert shown(page) == []
    assert page.is_visible(".empty")
    page.fill("#find", "KIDNEY CYST")
    assert shown(page)


def test_keys_go_from_card_to_card_and_open_them(visit, report):
    page = visit(report)
    every = shown(page)
    for key, place in (("j", 0), ("j", 1), ("ArrowRight", 2), ("k", 1), ("ArrowLeft", 0), ("k", 0)):
        page.keyboard.press(key)
        settles(focused, page, every[place])
    page.keyboard.press("Enter")
    assert page.inner_text("#viewer-title") == every[0]
    assert page.evaluate("document.getElementById('viewer-image').naturalWidth") > 0
    assert "medvision view OUT" in page.inner_text("#viewer-text")
    page.keyboard.press("j")
    assert page.inner_text("#viewer-title") == every[1]
    assert f"slice={every[1]}" in page.evaluate("location.hash")
    page.keyboard.press("Escape")
    assert not page.is_visible("#viewer")
    settles(focused, page, every[1])
    linked = visit(report, f"#slice={every[2]}")
    assert linked.inner_text("#viewer-title") == every[2]


def test_tab_reaches_every_control_in_order(visit, report):
    page = visit(report)
    reached = []
    for _ in range(120):
        page.keyboard.press("Tab")
        reached.append(focused(page))
    wanted = ["find", "filter-dataset", "filter-label", "filter-plane", "filter-kind", "clear", *shown(page)]
    assert [name for name in reached if name in wanted][: len(wanted)] == wanted


def test_a_head_sorts_its_column(visit, report):
    page = visit(report)
    column = "rows => rows.map(row => parseFloat(row.cells[2].dataset.v))"
    for order, reverse in (("descending", True), ("ascending", False)):
        page.click("#labels thead th:nth-child(3) button")
        assert page.get_attribute("#labels thead th:nth-child(3)", "aria-sort") == order
        values = page.eval_on_selector_all("#labels tbody tr", column)
        assert values == sorted(values, reverse=reverse)
        assert len(set(values)) > 1


@pytest.mark.parametrize("width", [1280, 380])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows(visit, report, width, scheme):
    page = visit(report, width=width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.click(".card:nth-child(2) .open")
    box = page.locator("#viewer").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0] < 60")
    assert dark == (scheme == "dark")


def test_the_page_is_whole_without_a_script(visit, report):
    page = visit(report, java_script_enabled=False)
    assert page.locator(".card").first.is_visible()
    assert not page.is_visible(".filters")


def test_names_that_are_scripts_do_not_run(visit, hostile):
    page = visit(hostile)
    page.click(".card .open")
    page.keyboard.press("Escape")
    page.select_option("#filter-label", index=1)
    assert page.evaluate("window.hurt") is None
    assert shown(page)
