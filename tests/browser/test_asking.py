"""From a question to its result in a real browser: by mouse, by keyboard, by address."""

import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from support.drawn import rows_of, wait_for_chart

CLICKS = """
window.clicks = 0;
addEventListener("click", () => { sessionStorage.clicks = Number(sessionStorage.clicks ?? 0) + 1; }, true);
"""
OBESITY = "Percent of adults aged 18 years and older who have obesity"


def result_of(server: str, statistic: str, **body: object) -> object:
    """Return the data that a program gets from the API."""
    job = requests.post(f"{server}/api/{statistic}", json=body, timeout=30).json()["job_id"]
    return requests.get(f"{server}/api/get_results/{job}?wait=20", timeout=30).json()["data"]


def test_a_chart_of_obesity_by_state_takes_at_most_five_clicks(page: Page, server: str) -> None:
    page.add_init_script(CLICKS)
    page.goto("/")
    page.get_by_role("button", name="Show the answer").click()
    wait_for_chart(page)
    assert int(page.evaluate("sessionStorage.clicks")) <= 5
    expect(page.locator(".answer-head")).to_contain_text(OBESITY)
    states = requests.get(f"{server}/api/states", timeout=30).json()["data"]
    drawn = page.locator("#chart svg [aria-roledescription=point]").count()
    assert drawn == len(states) == len(rows_of(page))


def test_statistic_question_and_location_are_chosen_from_lists(page: Page, server: str) -> None:
    page.goto("/")
    page.get_by_label("Statistic").select_option("state_mean")
    page.get_by_label("Question", exact=True).fill("vegetables")
    page.get_by_role("option", name="vegetables").first.click()
    page.get_by_label("Location", exact=True).fill("pue")
    page.get_by_role("option", name="Puerto Rico").click()
    page.get_by_role("button", name="Show the answer").click()
    wait_for_chart(page)
    question = page.get_by_label("Question", exact=True).input_value()
    year = int(page.locator("#from").input_value())
    mean = result_of(server, "state_mean", question=question, state="Puerto Rico", years=[year])
    assert rows_of(page) == [["Puerto Rico", f"{mean['Puerto Rico']:.1f}"]]  # type: ignore[index]


def test_an_address_shares_the_whole_query(page: Page, context: BrowserContext, server: str) -> None:
    page.goto("/")
    page.get_by_label("Statistic").select_option("best")
    page.get_by_label("How many locations").fill("3")
    page.get_by_text("Filters").click()
    page.get_by_label("From", exact=True).select_option("2015")
    page.get_by_label("To", exact=True).select_option("2019")
    page.get_by_label("Without these locations").fill("National, Guam")
    page.get_by_role("button", name="Show the answer").click()
    wait_for_chart(page)
    query = parse_qs(urlsplit(page.url).query)
    assert query["exclude"] == ["National, Guam"]
    assert (query["statistic"], query["question"], query["n"]) == (["best"], ["Q036"], ["3"])
    other = context.new_page()
    other.goto(page.url)
    wait_for_chart(other)
    years = {"from": 2015, "to": 2019}
    expected = result_of(server, "best", question="Q036", n=3, years=years, exclude=["National", "Guam"])
    shown = [[name, f"{mean:.1f}"] for name, mean in expected.items()]  # type: ignore[attr-defined]
    assert rows_of(page) == rows_of(other) == shown
    assert other.get_by_label("Without these locations").input_value() == "National, Guam"
    other.reload()
    wait_for_chart(other)
    assert rows_of(other) == shown


def test_back_and_forward_restore_form_and_result(page: Page) -> None:
    page.goto("/")
    for statistic in ("best5", "worst5"):
        page.get_by_label("Statistic").select_option(statistic)
        page.get_by_role("button", name="Show the answer").click()
        page.locator(f"article[data-address*='{statistic}']").wait_for()
    page.go_back()
    page.locator("article[data-address*='best5']").wait_for()
    assert page.get_by_label("Statistic").input_value() == "best5"
    page.go_back()
    page.get_by_role("heading", name="What would you like to know?").wait_for()
    page.go_forward()
    page.locator("article[data-address*='best5']").wait_for()


def test_only_the_years_of_the_question_are_offered(page: Page, server: str) -> None:
    page.goto("/")
    questions = requests.get(f"{server}/api/questions", timeout=30).json()["data"]
    for question in (questions[0], min(questions, key=lambda each: len(each["years"]))):
        page.get_by_label("Question", exact=True).fill(question["question"])
        page.keyboard.press("Tab")
        offered = page.locator("#from option:not([disabled])").all_text_contents()
        assert offered == ["any", *map(str, question["years"])]


def test_only_the_fields_that_the_statistic_takes_are_visible(page: Page, server: str) -> None:
    page.goto("/")
    described = {name: page.locator(f"option[value={name}]").get_attribute("data-takes") for name in ("trend", "best")}
    for statistic, label, other in (("trend", "Location", "How many"), ("best", "How many", "Location")):
        page.get_by_label("Statistic").select_option(statistic)
        expect(page.locator("#ask").get_by_label(label, exact=label == "Location")).to_be_visible()
        expect(page.locator("#ask").get_by_label(other, exact=other == "Location")).to_be_hidden()
    assert "state" in (described["trend"] or "").split()
    assert "n" in (described["best"] or "").split()


def test_several_locations_of_a_trend_are_lines_of_one_chart(page: Page) -> None:
    page.goto("/?statistic=trend&question=Q036&state=Ohio")
    wait_for_chart(page)
    page.get_by_label("Statistic").select_option("trends")
    places = page.get_by_label("Locations", exact=True)
    expect(places).to_have_value("Ohio, ")
    places.press("End")
    places.press_sequentially("uta")
    page.get_by_role("option", name="Utah").click()
    page.get_by_role("button", name="Show the answer").click()
    expect(page.locator(".finding")).to_contain_text("in Utah")
    wait_for_chart(page)
    lines = page.locator("#chart svg [aria-roledescription='line mark']")
    expect(lines).to_have_count(2)
    expect(page.locator("#chart svg")).to_contain_text("Utah")


def test_the_keyboard_alone_submits_a_query_and_sorts_its_table(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Statistic")).to_be_focused()
    page.keyboard.type("The five best")
    page.keyboard.press("Tab")
    page.keyboard.type("fruit")
    for key in ("ArrowDown", "Enter", "Enter"):
        page.keyboard.press(key)
    wait_for_chart(page)
    heading = page.get_by_role("columnheader", name="Location")
    heading.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    names = [row[0] for row in rows_of(page)]
    assert len(names) == 5
    assert names == sorted(names)
    page.keyboard.press("Space")
    assert heading.get_attribute("aria-sort") == "descending"
    assert [row[0] for row in rows_of(page)] == sorted(names, reverse=True)


def test_the_focus_is_visible(page: Page) -> None:
    page.goto("/")
    for _ in range(12):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outline")
        assert "solid 3px" in outline


def test_numbers_are_sorted_as_numbers(page: Page) -> None:
    page.goto("/?statistic=estimate&question=Q036")
    wait_for_chart(page)
    page.get_by_role("button", name="Sample size").click()
    sizes = [int(row[4].replace(",", "")) for row in rows_of(page)]
    assert sizes == sorted(sizes)
    assert sizes != sorted(sizes, key=str)


def test_an_error_is_shown_until_it_is_corrected(page: Page) -> None:
    page.goto("/?statistic=state_mean&question=Q036&state=Ohoi")
    expect(page.get_by_role("alert")).to_contain_text("'Ohoi' is not a known state")
    page.get_by_label("Location", exact=True).fill("Ohio")
    page.get_by_role("button", name="Show the answer").click()
    wait_for_chart(page)
    expect(page.get_by_role("alert")).to_be_hidden()


def test_the_state_of_the_job_is_announced_as_it_changes(page: Page, server: str, gate: object) -> None:
    page.goto("/")
    page.evaluate(
        "window.texts = []; new MutationObserver(() => texts.push(document.getElementById('progress').textContent))"
        ".observe(document.getElementById('progress'), { childList: true })"
    )
    assert page.locator("#progress").get_attribute("aria-live") == "polite"
    gate.touch()  # type: ignore[attr-defined]
    try:
        first = requests.post(f"{server}/api/best5", json={"question": "Q036"}, timeout=30)
        requests.get(f"{server}{first.headers['Location']}?wait=20", timeout=30)  # the runner is held back after it
        page.get_by_label("Statistic").select_option("worst")
        page.get_by_label("How many locations").fill("7")  # no other test asks this, whose job would be shown again
        page.get_by_role("button", name="Show the answer").click()
        expect(page.locator("#progress")).to_have_text("Waiting for its turn.")
    finally:
        gate.unlink()  # type: ignore[attr-defined]
    expect(page.locator("#progress")).to_contain_text("the answer is shown.")
    expect(page.locator("#progress")).to_have_class("state unseen")
    texts = page.evaluate("texts")
    assert texts[:3] == [
        "The answer shown is to the question before your changes.",
        "Sending…",
        "Waiting for its turn.",
    ]
    assert "the answer is shown." in texts[-1]


def test_the_copy_button_copies_the_code(page: Page, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/?statistic=best5&question=Q036")
    wait_for_chart(page)
    page.get_by_text("Code", exact=True).click()
    page.get_by_role("button", name="Copy curl").click()
    expect(page.locator("[data-copy=curl]")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl http")
    assert '{"question": "Q036"}' in copied


def test_cite_shows_the_citation_and_copies_it(page: Page, context: BrowserContext, server: str) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/?statistic=estimate&question=Q036")
    wait_for_chart(page)
    page.get_by_text("Cite", exact=True).click()
    job = page.locator("article").get_attribute("data-job")
    citation = requests.get(f"{server}/api/get_results/{job}", timeout=30).json()["citation"]
    for name, form in (("Citation", citation["text"]), ("BibTeX", citation["bibtex"])):
        page.get_by_role("button", name=f"Copy {name}").click()
        expect(page.locator(f"[data-copy={name}]")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == form
    with page.expect_download() as download:
        page.get_by_role("link", name="CSL-JSON").click()
    assert download.value.suggested_filename == f"estimate-Q036-{job}.csl.json"


@pytest.mark.parametrize("query", ["statistic=trend&question=Q036&state=OH&from=2012", "statistic=best5&question=Q036"])
def test_the_python_code_returns_the_same_result(page: Page, server: str, query: str) -> None:
    page.goto(f"/?{query}")
    wait_for_chart(page)
    code = page.locator(".code", has_text="Python").locator("code").text_content()
    ran = subprocess.run([sys.executable, "-c", code or ""], capture_output=True, text=True, check=True, timeout=60)
    job = page.locator("article").get_attribute("data-job")
    answer = requests.get(f"{server}/api/get_results/{job}", timeout=30).json()
    assert ran.stdout.strip() == str(answer["data"])
