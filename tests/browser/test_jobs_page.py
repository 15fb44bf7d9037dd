"""The jobs page in a real browser: it follows and cancels jobs, and stays fast with very many."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from support.drawn import OLD_JOBS

QUICK_SECONDS = 1.0
ROWS_SHOWN = 100
QUIET_SECONDS, MOST_QUIET_REQUESTS = 4, 3  # polling made one request each 1.5 seconds, from the start
LIVE_SECONDS = 5  # sooner than the regular refresh


def submit(server: str) -> str:
    """Submit a job and return its id."""
    answer = requests.post(f"{server}/api/best5", json={"question": "Q036"}, timeout=30)
    return str(answer.json()["job_id"])


@pytest.fixture
def waiting(server: str, gate: Path) -> Iterator[str]:
    """A waiting job: the only runner is held up until the test ends."""
    gate.touch()
    first = submit(server)
    requests.get(f"{server}/api/get_results/{first}?wait=20", timeout=30)
    yield submit(server)
    gate.unlink()


def test_the_button_cancels_a_waiting_job(page: Page, server: str, waiting: str) -> None:
    page.goto("/jobs")
    row = page.locator(f"#{waiting}")
    expect(row.locator(".badge")).to_have_text("waiting")
    expect(page.locator(".counts div", has_text="Waiting").locator("dd")).to_have_text("1")
    page.get_by_role("button", name=f"Cancel {waiting}").click()
    expect(page.get_by_role("status")).to_have_text(f"{waiting} is cancelled.")
    expect(row.locator(".badge")).to_have_text("error")
    answer = requests.get(f"{server}/api/get_results/{waiting}", timeout=30).json()
    assert answer == {"status": "error", "reason": "cancelled"}


def test_the_list_shows_a_new_job_at_once_without_polling(page: Page, server: str) -> None:
    requested: list[str] = []
    page.goto("/jobs")
    with page.expect_response("**/jobs"):  # at the first events of the stream
        page.on("request", lambda request: requested.append(request.url))
    page.wait_for_timeout(QUIET_SECONDS * 1000)
    before = len(requested)
    assert before <= MOST_QUIET_REQUESTS
    job = submit(server)
    expect(page.locator(f"#{job} .badge")).to_have_text("done", timeout=LIVE_SECONDS * 1000)
    assert len(requested) > before


def test_without_room_for_a_listener_the_list_is_polled(page: Page, server: str) -> None:
    page.route("**/api/events", lambda route: route.fulfill(status=400, body=""))
    page.goto("/jobs")
    job = submit(server)
    expect(page.locator(f"#{job} .badge")).to_have_text("done")


def test_the_list_refreshes_and_keeps_the_focus_and_asks_before_a_removal(page: Page, server: str) -> None:
    job = submit(server)
    requests.get(f"{server}/api/get_results/{job}?wait=20", timeout=30)
    page.goto("/jobs")
    button = page.get_by_role("button", name=f"Remove {job}", exact=True)
    button.focus()
    later = submit(server)
    expect(page.locator(f"#{later} .badge")).to_have_text("done")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Remove for good?")
    expect(dialog).to_contain_text(f"{job} and its result will be gone")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_role("button", name="Remove").press("Enter")
    expect(page.get_by_role("status")).to_have_text(f"{job} is removed.")
    expect(page.locator(f"#{job}")).to_have_count(0)


def test_the_link_opens_the_result_of_a_job(page: Page, server: str) -> None:
    job = submit(server)
    requests.get(f"{server}/api/get_results/{job}?wait=20", timeout=30)
    page.goto("/jobs")
    page.get_by_role("link", name=job, exact=True).click()
    expect(page.get_by_role("heading", name="Adult obesity: the 5 best states")).to_be_visible()
    assert page.get_by_label("Statistic").input_value() == "best5"


@pytest.mark.alone
def test_the_page_stays_fast_with_ten_thousand_jobs(page: Page, server: str) -> None:
    begun = time.monotonic()
    page.goto("/jobs")
    assert time.monotonic() - begun < QUICK_SECONDS
    kept = page.locator(".counts div", has_text="All jobs kept").locator("dd").text_content()
    assert int((kept or "").replace(",", "")) >= OLD_JOBS
    assert page.locator("tbody tr").count() == ROWS_SHOWN
    submit(server)
    with page.expect_response("**/jobs"):  # the page refreshes itself
        longest = page.evaluate(
            "new Promise(done => { let last = performance.now(), longest = 0, end = last + 2500; const tick = () => {"
            " const now = performance.now(); longest = Math.max(longest, now - last); last = now;"
            " now < end ? setTimeout(tick, 10) : done(longest); }; tick(); })"
        )
    assert longest < QUICK_SECONDS * 1000
    seen = page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.id)")
    page.get_by_role("link", name="Older jobs").click()
    older = page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.id)")
    numbers = [int(job.rpartition("_")[2]) for job in (*seen, *older)]
    assert numbers == sorted(set(numbers), reverse=True)
    assert len(older) == ROWS_SHOWN


def test_the_list_is_filtered_by_state(page: Page, waiting: str) -> None:
    page.goto("/jobs")
    page.get_by_role("link", name="Waiting").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator(f"#{waiting}")).to_be_visible()
