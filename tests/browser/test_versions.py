"""The pages of the table's versions in a browser, over a server whose table has been replaced."""

import time
from collections.abc import Iterator

import pytest
import requests
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from support.drawn import NARROW, WIDE, wait_for_chart, watched_context
from support.real_server import running_server
from support.survey_files import Row, row
from support.vintages import RELOAD_SECONDS, write_rows

STATES = [f"State {number}" for number in range(30)]
FIRST: list[Row] = [row(LocationDesc=name) for name in STATES]
SECOND: list[Row] = [row(LocationDesc=name, Data_Value=30.5 + place) for place, name in enumerate(STATES)]
SERIOUS = frozenset({"serious", "critical"})


@pytest.fixture(scope="module")
def replaced(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server whose table has been replaced, started only if there is a browser."""
    path = tmp_path_factory.mktemp("replaced") / "survey.csv"
    write_rows(path, FIRST)
    with running_server({"STATS_DATA": str(path)}) as server:
        write_rows(path, SECOND)
        assert requests.post(f"{server.address}/api/dataset/reload", timeout=20).ok
        deadline = time.monotonic() + RELOAD_SECONDS
        while len(requests.get(f"{server.address}/api/tables", timeout=20).json()["data"]) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield server.address


@pytest.mark.parametrize(("size", "theme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide-light", "narrow-dark"])
def test_the_pages_are_accessible_and_fit_the_window(
    browser: Browser, replaced: str, size: dict[str, int], theme: str
) -> None:
    with watched_context(browser, replaced, viewport=size, base_url=replaced, color_scheme=theme) as context:
        page = context.new_page()
        for address in ("/tables", "/tables/current/changes"):
            page.goto(address)
            if address != "/tables":
                wait_for_chart(page)
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], address
            faults = [each for each in Axe().run(page).response["violations"] if each["impact"] in SERIOUS]
            assert [(each["id"], each["nodes"][0]["html"]) for each in faults] == [], address


def test_a_reader_finds_out_what_changed_and_an_operator_removes_the_old_version(
    browser: Browser, replaced: str
) -> None:
    with watched_context(browser, replaced, viewport=WIDE, base_url=replaced) as context:
        page = context.new_page()
        page.goto("/data")
        page.get_by_role("link", name="Versions").click()
        page.get_by_role("link", name="What changed").click()
        wait_for_chart(page)
        expect(page.locator("main")).to_contain_text("29 cells changed")
        expect(page.locator("#chart svg")).to_contain_text("State 29 2019, Female")
        page.get_by_role("button", name="Compare").click()
        expect(page.get_by_role("heading", name="since")).to_be_visible()
        page.goto("/tables")
        rows = page.locator("table.versions tbody tr")
        expect(rows).to_have_count(2)
        remove = page.get_by_role("button", name="Remove it for good")
        expect(remove).to_be_hidden()  # until the operator has said so twice
        page.locator("summary").click()
        remove.click()
        expect(rows).to_have_count(1)
        expect(page.get_by_role("status")).to_contain_text("is removed.")
