"""The form: what it offers while one types, and what it keeps when something else is asked."""

from playwright.sync_api import Page, expect

from support.drawn import wait_for_chart

INACTIVITY = "Percent of adults who engage in no leisure-time physical activity"


def test_a_question_is_offered_by_other_words_for_it_and_the_form_says_if_none_is(page: Page) -> None:
    page.goto("/")
    question = page.get_by_label("Question", exact=True)
    question.fill("")
    question.press_sequentially("sedentary")
    expect(page.get_by_role("option", name=INACTIVITY)).to_be_visible()
    question.press_sequentially("xx")
    expect(page.locator(".options li")).to_have_count(0)
    expect(page.get_by_text("Nothing in the list contains “sedentaryxx”.")).to_be_visible()
    question.press("Escape")
    expect(page.get_by_text("Nothing in the list")).to_have_count(0)


def test_another_kind_of_comparison_keeps_the_place_and_forgets_what_does_not_fit(page: Page) -> None:
    page.goto("/?statistic=compare&question=Q036&between=location&a=Ohio&b=Michigan&from=2021&to=2021")
    wait_for_chart(page)
    page.get_by_label("What", exact=True).select_option("year")
    expect(page.get_by_label("Location", exact=True)).to_have_value("Ohio")
    for name in ("First", "Second"):
        expect(page.get_by_label(name, exact=True)).to_have_value("")
    expect(page.locator("#adapted")).to_contain_text("The location is Ohio now")
    page.get_by_label("First", exact=True).fill("2022")
    page.get_by_label("Second", exact=True).fill("2011")
    page.get_by_role("button", name="Show the answer").click()
    expect(page.get_by_role("heading", name="Adult obesity in Ohio, 2022 and 2011")).to_be_visible()


def test_all_places_are_compared_without_naming_one_and_other_comparisons_are_chosen_from_a_list(page: Page) -> None:
    page.goto("/?statistic=estimate&question=Q036&state=&from=2021&to=2021")
    location = page.get_by_label("Location", exact=True)
    page.get_by_label("Statistic").select_option("compare_all")
    expect(location).to_be_hidden()
    page.get_by_label("Across").select_option("year")
    location.fill("Ohio")
    page.get_by_label("Across").select_option("location")
    expect(location).to_be_hidden()
    page.get_by_role("button", name="Show the answer").click()
    expect(page.get_by_role("heading", name="Adult obesity by state, beside the nation")).to_be_visible()


def test_a_location_that_an_address_names_for_a_comparison_of_all_stays_with_its_mistake(page: Page) -> None:
    page.goto("/?statistic=compare_all&question=Q036&across=location&state=Ohio")
    expect(page.get_by_label("Location", exact=True)).to_be_visible()
    expect(page.locator("[data-wrong=state]")).to_contain_text("All places are compared: leave this empty.")


def test_an_answer_is_not_taken_for_that_to_a_changed_question(page: Page) -> None:
    page.goto("/?statistic=estimate&question=Q036&from=2021&to=2021")
    wait_for_chart(page)
    page.get_by_label("Only these locations").fill("Ohio")
    expect(page.get_by_role("status").first).to_have_text("The answer shown is to the question before your changes.")
    page.get_by_label("Only these locations").fill("")
    expect(page.get_by_role("status").first).to_have_text("")
    page.get_by_label("Only these locations").fill("Ohio")
    page.get_by_role("button", name="Show the answer").click()
    expect(page.get_by_role("heading", name="Adult obesity in Ohio, 2021")).to_be_visible()
    expect(page.get_by_text("before your changes")).to_have_count(0)


def test_another_question_on_the_first_screen_is_not_taken_for_the_one_that_its_map_answers(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Only these locations").fill("Ohio")
    expect(page.get_by_role("status").first).to_have_text("The answer shown is to the question before your changes.")


def test_the_reference_of_a_comparison_is_offered_as_what_is_compared(page: Page) -> None:
    page.goto("/?statistic=compare_all&question=Q036&across=stratum&stratification=Education&from=2022&to=2022")
    reference = page.get_by_label("Reference", exact=True)
    reference.press_sequentially("coll")
    offered = page.locator(".options li:visible")
    expect(offered).to_have_text(["Some college or technical school", "College graduate"])
    page.get_by_label("Across").select_option("location")
    reference.fill("")
    reference.press_sequentially("ohi")
    expect(offered).to_have_text(["Ohio"])


def test_the_button_is_in_view_at_once_in_a_low_window(page: Page) -> None:
    page.set_viewport_size({"width": 1366, "height": 625})
    for address in ("/", "/?statistic=compare_all&question=Q036&across=location&from=2021&to=2021"):
        page.goto(address)
        expect(page.get_by_role("button", name="Show the answer")).to_be_in_viewport(ratio=1)


def test_the_button_never_covers_the_focused_field(page: Page) -> None:
    page.set_viewport_size({"width": 1366, "height": 400})
    page.goto("/?statistic=compare_all&question=Q036&across=location&from=2021&to=2021")
    wait_for_chart(page)
    button = page.get_by_role("button", name="Show the answer")
    for name in ("statistic", "question", "from", "across", "reference", "stratification"):
        field = page.locator(f"#{name}")
        field.focus()
        box, covering = field.bounding_box(), button.bounding_box()
        assert box is not None
        assert covering is not None
        assert box["y"] + box["height"] <= covering["y"] or box["y"] >= covering["y"] + covering["height"], name


def test_an_answer_of_other_years_than_those_asked_says_so(page: Page) -> None:
    page.goto("/?statistic=estimate&question=Q036&by=stratum&stratification=Income&from=2021&to=2022&locations=Ohio")
    expect(page.locator(".answer-head")).to_contain_text("These are figures of 2022; the other years asked have none.")
    page.goto("/?statistic=estimate&question=Q036&from=2021&to=2022&locations=Ohio")
    expect(page.locator(".answer-head")).to_be_visible()
    expect(page.get_by_text("the other years asked")).to_have_count(0)


def test_an_estimate_of_one_place_is_asked_without_opening_the_filters(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Only these locations").fill("Ohio")
    page.get_by_role("button", name="Show the answer").click()
    expect(page.get_by_role("heading", name="Adult obesity in Ohio")).to_be_visible()
    expect(page.locator(".finding")).to_contain_text("respondents")


def test_the_answer_comes_into_view_in_a_low_window(page: Page) -> None:
    page.set_viewport_size({"width": 1366, "height": 500})
    page.goto("/?statistic=estimate&question=Q036&from=2022&to=2022")
    wait_for_chart(page)
    page.evaluate("scrollTo(0, 600)")
    page.get_by_label("From", exact=True).select_option("2021")
    page.get_by_label("To", exact=True).select_option("2021")
    button = page.get_by_role("button", name="Show the answer")
    expect(button).to_be_in_viewport()
    button.click()
    heading = page.get_by_role("heading", name="Adult obesity by state, 2021")
    expect(heading).to_be_in_viewport()
    page.get_by_text("cannot be told from the highest?").click()
    expect(page.locator(".alike p")).to_contain_text("Mississippi")


def test_the_nation_is_what_an_empty_location_means_and_has_several_names(page: Page) -> None:
    page.goto("/?statistic=trend&question=Q036")
    wait_for_chart(page)
    location = page.get_by_label("Location", exact=True)
    expect(location).to_have_attribute("placeholder", "the nation")
    location.fill("the nation")
    page.get_by_role("button", name="Show the answer").click()
    expect(page.get_by_role("heading", name="Adult obesity in the nation")).to_be_visible()
    expect(page.locator("#problem")).to_be_hidden()
