"""Pages that were open while the server was gone, loaded its table or computed figures recover by themselves."""

import socket
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, Page, expect

from app.table.sources.progress import Progress
from app.web.waiting_room import WaitingRoom
from support.drawn import wait_for_chart
from support.held_source import named_pipe, opened
from support.nginx import NGINX, NO_NGINX, running_nginx
from support.real_server import ALIVE_PATH, BUNDLED_TABLE, HOST, free_port, running_server

STARTING = "The server is starting"


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


@pytest.mark.parametrize("scripts", [True, False])
def test_a_page_opened_while_the_table_loads_opens_by_itself(browser: Browser, tmp_path: Path, scripts: bool) -> None:
    pipe = named_pipe(tmp_path / "table.csv")
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    with running_server({"STATS_DATA": str(pipe)}, path=ALIVE_PATH) as server, opened(pipe) as writing:
        page.goto(f"{server.address}/data")
        expect(page.get_by_role("heading", name=STARTING)).to_be_visible()
        writing.write(BUNDLED_TABLE.read_bytes())
        writing.close()
        expect(page.get_by_text("Rows read")).to_be_visible()
    context.close()


def test_a_page_opened_while_the_table_loads_says_when_the_server_is_gone(browser: Browser, tmp_path: Path) -> None:
    pipe = named_pipe(tmp_path / "table.csv")
    context = browser.new_context()
    page = context.new_page()
    with running_server({"STATS_DATA": str(pipe)}, path=ALIVE_PATH) as server, opened(pipe):
        page.goto(server.address)
        expect(page.get_by_text("It is reading the table: 0 rows read.")).to_be_visible()
        page.evaluate("window.kept = true")
        server.kill()
        expect(page.get_by_text("The server does not respond. Check that it is running.")).to_be_visible()
        assert page.evaluate("window.kept")
    context.close()


@pytest.mark.skipif(NGINX is None, reason=NO_NGINX)
def test_under_a_path_prefix_a_page_opens_by_itself_too(browser: Browser, tmp_path: Path) -> None:
    pipe = named_pipe(tmp_path / "table.csv")
    settings = {"STATS_DATA": str(pipe), "STATS_TRUSTED_PROXIES": "127.0.0.1"}
    context = browser.new_context()
    page = context.new_page()
    with (
        running_server(settings, path=ALIVE_PATH) as server,
        running_nginx(tmp_path, server.address) as address,
        opened(pipe) as writing,
    ):
        page.goto(f"{address}/stats/data")
        expect(page.get_by_role("heading", name=STARTING)).to_be_visible()
        writing.write(BUNDLED_TABLE.read_bytes())
        writing.close()
        expect(page.get_by_text("Rows read")).to_be_visible()
        assert page.url == f"{address}/stats/data"
    context.close()


def test_the_page_while_the_table_loads_shows_the_progress_without_loading_again(browser: Browser) -> None:
    listening = socket.create_server((HOST, 0))
    address = "http://{}:{}".format(*listening.getsockname())
    context = browser.new_context()
    page = context.new_page()
    with WaitingRoom(lambda: listening, open_after_seconds=0) as room:
        room.report(Progress(12_000, 400, 0.4, 11.5))
        page.goto(address)
        page.evaluate("window.kept = true")
        expect(page.locator("#progress")).to_contain_text("12,000 rows read, 40% done")
        room.report(Progress(15_000, 500, 0.5, 10.0))
        expect(page.locator("#progress")).to_contain_text("15,000 rows read, 50% done")
        assert page.evaluate("window.kept")
    context.close()


def test_the_page_of_a_job_shows_its_answer_when_it_is_there(page: Page, server: str, gate: Path) -> None:
    gate.touch()
    try:
        for year in (2014, 2015):  # the only runner is held up after the first
            sent = requests.post(f"{server}/api/best5", json={"question": "Q037", "years": [year]}, timeout=30)
        page.goto(f"/results/{sent.json()['job_id']}")
        expect(page.locator("#progress")).to_have_text("Waiting for its turn.")
        page.get_by_label("Statistic").focus()
    finally:
        gate.unlink()
    wait_for_chart(page)
    assert page.url == f"{server}/results/{sent.json()['job_id']}"
    expect(page.get_by_label("Statistic")).to_be_focused()


def test_the_page_of_a_place_shows_its_figures_when_they_are_there(page: Page, gate: Path) -> None:
    gate.touch()
    try:
        page.goto("/places/WY")
        expect(page.locator("#missing")).to_be_visible()
        page.evaluate("window.kept = true")
    finally:
        gate.unlink()
    expect(page.get_by_role("row", name="Adult obesity")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("All figures are shown.")
    assert page.evaluate("window.kept")  # the page was not loaded again
