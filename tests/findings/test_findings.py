"""Findings: each sentence says what its numbers show, and no more than their errors allow."""

from typing import Any

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from app.findings import alike_of, finding_of
from app.findings.about import about_of
from app.findings.extremes import ALPHA, difference_p, holm, standard_errors
from app.table.cells import LIMITS_Z
from app.table.confidence_limits import limits_around

LINEAR = {"question": "Q", "limits_scale": "linear", "filters": {}, "years": [2021]}
BY_GENDER = {**LINEAR, "filters": {"stratification": [{"category": "Gender", "value": name} for name in ("F", "M")]}}
MEANS = "Simple means of rows: every year and group counts alike, so this is not a published figure."


def cell(value: float | None, half_width: float = 1.0, *flags: str, **keys: Any) -> dict[str, Any]:
    """Return an estimate with symmetric limits."""
    low, high = (None, None) if value is None else (value - half_width, value + half_width)
    return {**keys, "value": value, "low": low, "high": high, "sample_size": 900, "flags": list(flags)}


def found(statistic: str, data: Any, provenance: dict[str, Any] = LINEAR) -> str:
    """Return a finding with plain spaces."""
    return finding_of(statistic, data, provenance).replace("\u00a0", " ")


def test_estimates_by_location_name_both_ends_those_like_the_highest_and_the_nation() -> None:
    data = [
        cell(40.6, location="West Virginia"),
        cell(40.0, location="Ohio"),
        cell(39.9, location="Utah"),
        cell(24.7, location="District of Columbia"),
        cell(None, location="Florida"),
        cell(33.0, 0.2, location="National"),
    ]
    assert found("estimate", data) == (
        "Highest in West Virginia, 40.6 % (39.6 to 41.6); lowest in the District of Columbia, 24.7 % (23.7 to 25.7); "
        "Ohio and Utah cannot be told from the highest; no other place is as low, beyond sampling error; "
        "no figure for Florida; the nation: 33.0 % (32.8 to 33.2)."
    )


@pytest.mark.parametrize(
    ("others", "clause"),
    [
        ([30.0, 20.0], "no other place is as high or as low, beyond sampling error"),
        ([39.5, 20.0], "Ohio cannot be told from the highest; no other place is as low, beyond sampling error"),
        ([20.5, 20.0], "no other place is as high, beyond sampling error; Ohio cannot be told from the lowest"),
        ([39.6, 39.5, 39.4, 39.3, 20.0], "4 places cannot be told from the highest"),
        ([20.0, 20.1, 20.2, 20.3, 20.4], "4 places cannot be told from the lowest"),
        ([20.0], "these differ beyond sampling error"),
        ([39.9], "these cannot be told apart"),
    ],
)
def test_places_like_the_highest_or_the_lowest_are_named_or_counted(others: list[float], clause: str) -> None:
    names = ("Ohio", "Iowa", "Texas", "Maine", "Guam")
    data = [cell(40.0, location="Utah"), *(cell(v, location=n) for n, v in zip(names, others, strict=False))]
    assert clause in found("estimate", data).replace("\u00a0", " ")


def test_the_places_that_a_finding_counts_have_names() -> None:
    values = {"Utah": 40.0, "Ohio": 39.6, "Iowa": 39.5, "Texas": 39.4, "Maine": 39.3, "Guam": 20.0, "National": 39.9}
    data = [cell(value, location=name) for name, value in values.items()]
    assert alike_of("estimate", data, LINEAR) == {"highest": ["Ohio", "Iowa", "Texas", "Maine"]}
    assert "4\u00a0places cannot be told from the highest" in finding_of("estimate", data, LINEAR)
    assert alike_of("estimate", [{**each, "year": 2021} for each in data], LINEAR) == {}
    assert alike_of("rank", {}, LINEAR) == alike_of("estimate", [], LINEAR) == {}


def test_a_place_without_limits_cannot_be_told_from_the_highest() -> None:
    bare = {**cell(20.0, location="Guam"), "low": None, "high": None}
    data = [cell(40.0, location="Utah"), cell(30.0, location="Ohio"), bare]
    assert "Guam cannot be told from the highest" in found("estimate", data)
    assert "told" not in found("estimate", [{**each, "low": None, "high": None} for each in data])


def test_an_unreliable_highest_figure_is_named_with_a_word_of_caution() -> None:
    data = [cell(50.0, 20.0, "small_sample", "nchs", location="Guam"), cell(30.0, location="Ohio")]
    caution = "interpret with caution: small sample, below the NCHS standard"
    assert found("estimate", data).startswith(f"Highest in Guam, 50.0 % (30.0 to 70.0; {caution})")


def test_equal_places_share_an_end() -> None:
    data = [cell(40.0, location="Utah"), cell(40.0, location="Ohio"), cell(20.0, location="Iowa")]
    assert found("estimate", data).startswith("Highest in Utah and Ohio, 40.0 % each; lowest in Iowa")
    assert found("estimate", data[:2]) == "In Utah and Ohio, 40.0 % each."
    assert found("estimate", [cell(None, location="Utah"), cell(None, location="Ohio")]) == "No figure for any place."


def test_a_single_estimate_and_an_empty_result() -> None:
    assert found("estimate", [cell(36.6, location="Ohio")]) == "36.6 % (35.6 to 37.6), from 900 respondents."
    assert found("estimate", [cell(None, location="Ohio")]).startswith("No figure")
    assert found("estimate", []) == found("unknown", {"a": 1}) == ""


def test_groups_of_one_category_are_compared_and_those_of_several_are_not() -> None:
    data = [cell(31.0, stratum="F"), cell(32.0, stratum="M"), cell(99.0, stratum="Data not reported")]
    text = found("estimate", data, BY_GENDER)
    assert text == (
        "Highest among M, 32.0 % (31.0 to 33.0); lowest among F, 31.0 % (30.0 to 32.0); these cannot be told apart; "
        "those who did not answer (“Data not reported”) are not compared."
    )
    mixed = [cell(31.0, category="Gender", stratum="F"), cell(32.0, category="Age", stratum="18 - 24")]
    assert found("estimate", mixed) == (
        "Highest among 18 - 24 (Age), 32.0 % (31.0 to 33.0); lowest among F (Gender), 31.0 % (30.0 to 32.0)."
    )


def test_estimates_by_year_tell_a_change_only_if_there_is_one() -> None:
    years = [cell(30.0, year=2011), cell(35.0, year=2021)]
    ends = "30.0 % (29.0 to 31.0) in 2011, 35.0 % (34.0 to 36.0) in 2021, a difference of 5.0 points (3.6 to 6.4)."
    assert found("estimate", years) == ends
    assert found("estimate", [years[0], cell(30.4, year=2021)]).startswith("No change can be told: ")
    by_place = [
        cell(30.0 + year - 2011 + (name == "Ohio"), year=year, location=name)
        for name in ("Ohio", "Utah", "Iowa", "Texas")
        for year in (2011, 2021)
    ]
    assert found("estimate", by_place).startswith("In 2021: highest in Ohio, 41.0 %")


@pytest.mark.parametrize(
    ("last", "apart"),
    [
        (36.0, "the two changes cannot be told apart: 1.0 points (-1.0 to 3.0)."),
        (45.0, "the two changes differ: 10.0 points (8.0 to 12.0)."),
    ],
)
def test_two_places_by_year_change_alike_or_not(last: float, apart: str) -> None:
    data = [
        cell(30.0, year=2011, location="Ohio"),
        cell(last, year=2021, location="Ohio"),
        cell(30.0, year=2011, location="Utah"),
        cell(35.0, year=2021, location="Utah"),
    ]
    text = found("estimate", data)
    assert text.startswith(f"In Ohio: 30.0 % (29.0 to 31.0) in 2011, {last} % ")
    assert "; in Utah: 30.0 % (29.0 to 31.0) in 2011, 35.0 % " in text
    assert text.endswith(apart)


@pytest.mark.parametrize(
    ("slope", "start"),
    [
        ((0.5, 0.3, 0.7, 0.001), "Rose by 0.50 points a year (0.30 to 0.70)"),
        ((-0.5, -0.7, -0.3, 0.001), "Fell by 0.50 points a year (0.30 to 0.70)"),
        ((0.1, -0.1, 0.3, 0.3), "No steady change can be told: 0.10 points a year (-0.10 to 0.30)"),
    ],
)
def test_a_trend_rises_falls_or_cannot_be_told(slope: tuple[float, ...], start: str) -> None:
    names = ("value", "low", "high", "p_value")
    data = {
        "slope": dict(zip(names, slope, strict=True)),
        "lack_of_fit": {"p_value": 0.01},
        "years": [cell(30.0, year=2011), cell(None, year=2012), cell(35.0, year=2021)],
    }
    text = found("trend", data)
    assert text.startswith(f"{start}; 30.0 % (29.0 to 31.0) in 2011, 35.0 % (34.0 to 36.0) in 2021")
    assert text.endswith("the years do not lie on one line.")


def test_several_trends_are_told_apart_by_their_adjusted_p_values() -> None:
    slopes = {"Ohio": (0.5, 0.001, 0.001), "Utah": (-0.5, 0.01, 0.02), "Iowa": (0.2, 0.04, 0.06), "Maine": (0.6, 0, 0)}
    trends = [
        {
            "location": name,
            "slope": {"value": value, "low": value - 0.2, "high": value + 0.2, "p_value": p, "p_adjusted": adjusted},
            "lack_of_fit": {"p_value": 0.01 if name == "Iowa" else 0.5},
            "years": [],
        }
        for name, (value, p, adjusted) in slopes.items()
    ]
    assert found("trends", {"trends": trends}) == (
        "Rose by 0.50 points a year (0.30 to 0.70) in Ohio, by 0.60 points a year (0.40 to 0.80) in Maine; "
        "fell by 0.50 points a year (0.30 to 0.70) in Utah; "
        "no steady change can be told: 0.20 points a year (0.00 to 0.40) in Iowa; "
        "the years do not lie on one line in Iowa."
    )


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (
            (6.0, 4.6, 7.4, 0.01),
            "Higher in Ohio than in Utah by 6.0 points (4.6 to 7.4); in Ohio, 31.0 % (30.0 to 32.0);",
        ),
        ((-6.0, -7.4, -4.6, 0.01), "Higher in Utah than in Ohio by 6.0 points (4.6 to 7.4);"),
        ((0.5, -0.9, 1.9, 0.5), "Ohio and Utah cannot be told apart;"),
    ],
)
def test_a_comparison_says_which_is_higher_or_that_it_cannot_be_told(gap: tuple[float, ...], text: str) -> None:
    difference = dict(zip(("value", "low", "high", "p_value"), gap, strict=True))
    sides = {"a": cell(31.0, location="Ohio"), "b": cell(25.0, location="Utah")}
    assert found("compare", {"dimension": "location", **sides, "difference": difference}).startswith(text)


def test_a_comparison_with_all_counts_by_adjusted_p_values() -> None:
    pairs = [
        ("Ohio", 2.0, 0.01),
        ("Utah", 3.0, 0.2),
        *((name, -4.0, 0.04) for name in ("Iowa", "Guam", "Maine", "Idaho")),
    ]
    others = [{**cell(30.0, location=name), "difference": gap, "p_adjusted": p} for name, gap, p in pairs]
    data = {"across": "location", "reference": cell(33.0, location="National"), "comparisons": 6, "others": others}
    assert found("compare_all", data) == (
        "Ohio is above the nation, 33.0 % (32.0 to 34.0); 4 places below; Utah cannot be told from it; "
        "adjusted for 6 comparisons: of those above and below, about 5 % may be there by chance."
    )
    assert found("compare_all", {**data, "others": others[1:2]}) == (
        "0 places are above the nation, 33.0 % (32.0 to 34.0); 0 places below; Utah cannot be told from it; "
        "adjusted for 6 comparisons."
    )


@pytest.mark.parametrize(
    ("slope", "clause"),
    [(0.5, "the two slopes differ by 0.40 points a year (0.12 to 0.68)"), (0.3, "the two slopes cannot be told apart")],
)
def test_two_trends_are_compared_with_each_other(slope: float, clause: str) -> None:
    def line(location: str, value: float) -> dict[str, Any]:
        errors = {"low": value - 0.2, "high": value + 0.2, "p_value": 0, "p_adjusted": 0}
        return {"location": location, "slope": {"value": value, **errors}, "lack_of_fit": None, "years": []}

    text = found("trends", {"trends": [line("Ohio", slope), line("Utah", 0.1)]})
    assert text.endswith(f" in Utah; {clause}.")
    assert "two slopes" not in found("trends", {"trends": [line(name, slope) for name in ("Ohio", "Utah", "Iowa")]})


def test_a_disparity_is_a_gap_only_between_groups_that_differ() -> None:
    data = {
        "groups": [cell(40.0, stratum="Low"), cell(30.0, stratum="High")],
        **{"worst": "Low", "best": "High", "equality": {"p_value": 0.001}},
        "absolute_gap": {"value": 10.0, "low": 8.6, "high": 11.4},
    }
    ends = "orst among “Low”, 40.0 % (39.0 to 41.0); best among “High”, 30.0 % (29.0 to 31.0)"
    assert found("disparity", data) == f"W{ends}; 10.0 points (8.6 to 11.4) apart."
    assert found("disparity", {**data, "equality": {"p_value": 0.4}}) == f"The groups cannot be told apart; w{ends}."


def test_a_ranking_names_both_ends_with_the_limits_of_their_ranks() -> None:
    ranked = [
        {**cell(value, location=name), "rank": place, "rank_low": place, "rank_high": 2}
        for place, (name, value) in enumerate([("Utah", 25.0), ("Ohio", 31.0)], 1)
    ]
    unranked = {**cell(9.0, location="Guam"), "rank": None, "rank_low": None, "rank_high": None}
    assert found("rank", {"ranked": 2, "locations": [*ranked, unranked]}) == (
        "Best in Utah, 25.0 % (24.0 to 26.0), rank 1 (1 to 2) of 2; worst in Ohio, 31.0 % (30.0 to 32.0), "
        "rank 2 (2 to 2) of 2; 1 more cannot be ranked."
    )


@pytest.mark.parametrize(
    ("rho", "p", "words"), [(0.7, 0.01, "be high"), (-0.7, 0.01, "be low"), (0.1, 0.5, "no assoc")]
)
def test_two_questions_go_together_or_cannot_be_told_to(rho: float, p: float, words: str) -> None:
    spearman = {"rho": rho, "low": rho - 0.1, "high": rho + 0.1, "p_value": p}
    data = {"question": "A", "other_question": "B", "locations": 52, "spearman": spearman}
    text = found("correlate", data).lower()
    assert words in text
    assert text.endswith("across 52 places, not across people.")


@pytest.mark.parametrize(
    ("statistic", "data", "text"),
    [
        (
            "states_mean",
            {"Utah": 25.0, "Ohio": 31.0, "National": 40.0},
            "Highest in Ohio, 31.0 %; lowest in Utah, 25.0 %.",
        ),
        ("state_mean", {"Ohio": 31.0}, "In Ohio, 31.0 %."),
        ("best5", {"Utah": 25.0, "Ohio": 31.0}, "Number 1: Utah, 25.0 %; number 2: Ohio, 31.0 %."),
        ("worst", {"Ohio": 31.0}, "Number 1: Ohio, 31.0 %."),
        ("global_mean", {"global_mean": 31.2}, "31.2 %."),
        ("state_diff_from_mean", {"Ohio": -0.4}, "Ohio is 0.4 points above the mean of all rows."),
        (
            "mean_by_category",
            {"('Ohio', 'Sex', 'F')": 30.0, "('Ohio', 'Sex', 'M')": 32.0},
            "Highest among M (Sex) in Ohio, 32.0 %",
        ),
        ("state_mean_by_category", {"Ohio": {"('Sex', 'F')": 30.0}}, "Among F (Sex), 30.0 %."),
    ],
)
def test_means_of_rows_say_that_they_are_no_published_figures(statistic: str, data: Any, text: str) -> None:
    finding = found(statistic, data)
    assert finding.startswith(text)
    assert finding.endswith(f" {MEANS}")


@pytest.mark.parametrize("p_values", [[0.01, 0.04, 0.03, 0.5], [0.2], [], [0.9, 0.9], [0.001] * 5])
def test_p_values_are_adjusted_as_statsmodels_does(p_values: list[float]) -> None:
    expected = multipletests(p_values, method="holm")[1] if p_values else []
    assert holm(p_values) == pytest.approx(list(expected))


@pytest.mark.parametrize("scale", ["logit", "linear"])
def test_standard_errors_follow_from_limits(scale: str) -> None:
    values, errors = np.array([30.0, 2.0, 95.0]), np.array([1.0, 0.4, 0.9])
    low, high = limits_around(values, errors, np.full(3, scale == "logit"))
    cells = [dict(zip(("value", "low", "high"), each, strict=True)) for each in zip(values, low, high, strict=True)]
    assert standard_errors(cells, about_of({**LINEAR, "limits_scale": scale})) == pytest.approx(errors.tolist())


def test_the_truly_highest_place_is_hardly_ever_told_from_the_highest_figure() -> None:
    draws, places = 400, 30
    truth = np.array([31.0, *np.linspace(25.0, 31.0, places - 1)])
    half_width, lost = LIMITS_Z, 0
    for drawn in truth + np.random.default_rng(1).standard_normal((draws, places)):
        others = [cell(value, half_width, location=f"L{place}") for place, value in enumerate(drawn.tolist())]
        top = max(range(places), key=drawn.__getitem__)
        told = extremes_told(others[top], [others[0]] if top else [], others)
        lost += told
    assert lost / draws <= 0.05


def extremes_told(top: dict[str, Any], asked: list[dict[str, Any]], cells: list[dict[str, Any]]) -> bool:
    """Return whether an estimate differs significantly from the highest one among the cells."""
    others = [each for each in cells if each is not top]
    p_values = holm([difference_p(top["value"] - each["value"], np.sqrt(2)) for each in others])
    return any(p < ALPHA and each in asked for p, each in zip(p_values, others, strict=True))
