"""Pages that were open while the server was gone recover by themselves."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from support.real_server import free_port, running_server


@pytest.mark.parametrize(("path", "counted"), [("/jobs", "All jobs kept"), ("/data", "Rows read")])
def test_a_page_says_that_the_server_is_gone_and_recovers(
    browser: Browser, tmp_path: Path, path: str, counted: str
) -> None:
    settings = {"STATS_PORT": str(free_port()), "STATS_RESULTS_DIR": str(tmp_path)}
    context = browser.new_context()
    page = context.new_page()
    with running_server(settings) as server:
        page.goto(server.address + path)
        expect(page.get_by_text(counted)).to_be_visible()
    expect(page.locator("#problem")).to_have_text("The server does not respond. Check that it is running.")
    with running_server(settings):
        expect(page.locator("#problem")).to_be_hidden()
    context.close()
