"""The address is the question in a real browser, and the form adapts to another question without silent changes."""

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from support.drawn import rows_of, wait_for_chart

ESTIMATES = "/?statistic=estimate&question=Q036&from=2021&to=2021"
OVERWEIGHT = "Percent of adults aged 18 years and older who have an overweight classification"
FRUIT = "Percent of adults who report consuming fruit less than one time daily"


def test_the_address_holds_the_kind_of_chart_and_the_sort_order(page: Page) -> None:
    page.goto(f"{ESTIMATES}&theme=dark")
    wait_for_chart(page)
    with page.expect_response(lambda answer: "kind=map" in answer.url and "theme=dark" in answer.url):
        page.locator("[data-kind=map][href]").click()
    page.get_by_role("columnheader", name="Sample size").get_by_role("button").click()
    wait_for_chart(page)
    asked = parse_qs(urlsplit(page.url).query)
    assert (asked["kind"], asked["sort"], asked["theme"]) == (["map"], ["sample_size"], ["dark"])
    rows = rows_of(page)
    page.reload()
    wait_for_chart(page)
    assert rows_of(page) == rows
    expect(page.locator("[data-kind=map][aria-current]")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Sample size")).to_have_attribute("aria-sort", "ascending")


def test_an_address_that_cannot_be_shown_is_an_error_and_asks_nothing(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/ask") else None)
    page.goto(f"{ESTIMATES}&foo=bar")
    expect(page.get_by_role("alert")).to_contain_text("unknown field 'foo'")
    page.wait_for_load_state("networkidle")
    assert asked == []
    page.get_by_role("button", name="Show the answer").click()
    wait_for_chart(page)
    assert "foo" not in page.url
    page.go_back()
    expect(page.get_by_role("alert")).to_contain_text("unknown field 'foo'")


def test_unknown_years_groups_and_columns_of_an_address_are_errors(page: Page) -> None:
    for query, reason in (
        (ESTIMATES.replace("2021", "1999"), "This question has no figures of these years"),
        (f"{ESTIMATES}&stratification=Gender|Robot", "Robot"),
        (f"{ESTIMATES}&locations=Ohoi", "'Ohoi' is not a known state"),
        (f"{ESTIMATES}&sort=beauty", "no column “beauty”"),
        (f"{ESTIMATES}&kind=trend", "estimate cannot be drawn as 'trend'"),
    ):
        page.goto(query)
        expect(page.get_by_role("alert")).to_contain_text(reason)


def test_another_question_keeps_the_years_that_it_has_and_says_so_otherwise(page: Page) -> None:
    page.goto("/")
    latest = page.locator("#from").input_value()
    assert latest == page.locator("#to").input_value() != ""
    page.get_by_label("Question", exact=True).fill(OVERWEIGHT)
    page.keyboard.press("Tab")
    assert page.locator("#from").input_value() == latest
    page.get_by_label("Question", exact=True).fill(FRUIT)
    page.keyboard.press("Tab")
    offered = page.locator("#from option:not([disabled])").all_text_contents()
    assert page.locator("#from").input_value() == page.locator("#to").input_value() == offered[-1]
    expect(page.locator("#adapted")).to_contain_text("latest year of this question")
    page.locator("#from").select_option(offered[1])
    page.get_by_label("Question", exact=True).fill(OVERWEIGHT)
    page.keyboard.press("Tab")
    assert page.locator("#from").input_value() == offered[1]


def test_a_trend_is_over_all_years_and_an_estimate_of_the_latest_one(page: Page) -> None:
    page.goto("/")
    latest = page.locator("#from").input_value()
    page.get_by_label("Statistic").select_option("trend")
    assert page.locator("#from").input_value() == page.locator("#to").input_value() == ""
    expect(page.locator("#adapted")).to_contain_text("All years are chosen")
    page.get_by_role("button", name="Show the answer").click()
    wait_for_chart(page)
    page.get_by_label("Statistic").select_option("rank")
    assert page.locator("#from").input_value() == page.locator("#to").input_value() == latest


def test_an_answer_is_headed_by_its_title_and_its_finding(page: Page) -> None:
    page.goto(ESTIMATES)
    wait_for_chart(page)
    expect(page.get_by_role("heading", name="Adult obesity by state, 2021")).to_be_visible()
    expect(page.locator(".finding")).to_contain_text("cannot be told from the highest")
    assert page.title() == "Adult obesity by state, 2021 · Health statistics"
