"""The pages in a real browser behind nginx, under a path prefix: every request stays under it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from support.drawn import WIDE, rows_of, wait_for_chart, watched_context
from support.nginx import NGINX, NO_NGINX, running_nginx
from support.real_server import running_server

PREFIX = "/stats"
SETTINGS = {"STATS_TRUSTED_PROXIES": "127.0.0.1"}

pytestmark = pytest.mark.skipif(NGINX is None, reason=NO_NGINX)


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """A tab that fails if a request leaves the prefix."""
    with (
        running_server(SETTINGS) as server,
        running_nginx(tmp_path, server.address) as address,
        watched_context(browser, f"{address}{PREFIX}/", viewport=WIDE, base_url=address) as context,
    ):
        yield context.new_page()


def test_a_question_is_asked_shared_and_its_job_found(page: Page) -> None:
    page.goto(f"{PREFIX}/")
    page.get_by_role("button", name="Show the answer").click()
    wait_for_chart(page)
    rows = rows_of(page)
    page.goto(page.url)  # the address holds the whole query
    wait_for_chart(page)
    assert rows_of(page) == rows
    page.get_by_role("link", name="Jobs").click()
    page.get_by_role("link", name="job_id_1", exact=True).click()
    wait_for_chart(page)
    assert page.url.endswith(f"{PREFIX}/results/job_id_1")


def test_the_form_works_without_scripts(browser: Browser, tmp_path: Path) -> None:
    with (
        running_server(SETTINGS) as server,
        running_nginx(tmp_path, server.address) as address,
        watched_context(browser, f"{address}{PREFIX}/", base_url=address, java_script_enabled=False) as context,
    ):
        page = context.new_page()
        page.goto(f"{PREFIX}/?statistic=best5&question=Q036")
        page.get_by_role("button", name="Show the answer").click()
        expect(page.get_by_role("table").first).to_be_visible()
        assert page.url == f"{address}{PREFIX}/results/job_id_1"


def test_a_route_is_tried_on_the_page_of_the_api(page: Page) -> None:
    page.goto(f"{PREFIX}/docs")
    page.locator("#operations-survey-get_api_states .opblock-summary-control").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
