"""The profile of a place: for each question its figure beside the nation's, its rank, and its change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from app.errors import InvalidRequestError
from app.findings.about import About, about_of, short_name
from app.findings.extremes import ALPHA, difference_p, holm, standard_errors
from app.findings.words import (
    Figures,
    counted,
    estimate_words,
    limits,
    listed,
    place_words,
    points,
    sentence,
    year_span,
)
from app.pages.asking.leads import in_years, latest_years, measured
from app.planner import Planner
from app.queries.caveats import comparable_years
from app.queries.form_fields import address_of, fields_of
from app.table.facts import Direction
from app.table.question import QuestionData
from app.table.survey_table import SurveyTable

Body = dict[str, Any]
NO_FIGURE = "\N{EM DASH}"
ALIKE = "cannot be told apart"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the profile asks about one question: the statistic and the body of each part, None if it has no answer.

    Parameters
    ----------
    figures: of all places in the latest year
    ranks: of all places in the latest year
    change: of this place between the first comparable and the latest year
    """

    data: QuestionData
    figures: tuple[str, Body] | None
    ranks: tuple[str, Body] | None
    change: tuple[str, Body] | None

    @property
    def requests(self) -> list[tuple[str, Body]]:
        """The parts that have an answer."""
        return [part for part in (self.figures, self.ranks, self.change) if part is not None]


@dataclass(frozen=True, slots=True)
class Fact:
    """A text of the profile, and the address of the answer that it is from; "" if there is none."""

    text: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One question of the profile in words; ``beside`` says how the place compares with the nation."""

    question: str
    text: str
    years: str
    figure: Fact
    nation: str
    beside: str
    rank: Fact
    change: Fact


def asked_about(place: int, table: SurveyTable) -> list[Asked]:
    """Return what to ask about a place, for each question that has estimates."""
    planner = Planner(table)
    asked = [_asked(data, table.location_names[place], planner) for data in table.questions]
    return [each for each in asked if each.figures is not None]


def _asked(data: QuestionData, place: str, planner: Planner) -> Asked:
    years = latest_years(data, planner.table)
    body = {**measured(data), **in_years(years)}
    changes = []
    if len(set(years)) == 1:
        earlier = (year for year in comparable_years(planner.table, data.question.years) if year < years[0])
        changes = [{**measured(data), "state": place, "between": {"year": [years[0], year]}} for year in earlier]
    return Asked(
        data,
        figures=_answered(planner, "estimate", [body]),
        ranks=_answered(planner, "rank", [body]),
        change=_answered(planner, "compare", changes),
    )


def _answered(planner: Planner, statistic: str, bodies: Sequence[Body]) -> tuple[str, Body] | None:
    """Return the first request that the table can answer."""
    for body in bodies:
        try:
            planner.plan(statistic, orjson.dumps(body))
        except InvalidRequestError:
            continue
        return statistic, body
    return None


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answers about one question: this place's and the nation's figure, its rank, its change."""

    asked: Asked
    about: About
    here: Figures | None
    nation: Figures | None
    ranks: Mapping[str, Any] | None
    change: Mapping[str, Any] | None

    def p_value(self) -> float | None:
        """Return that of the difference from the nation; None if it cannot be tested."""
        if self.here is None or self.nation is None or self.here is self.nation:
            return None
        a, b = standard_errors([self.here, self.nation], self.about)
        variance = a * a + b * b
        return difference_p(self.here["value"] - self.nation["value"], variance**0.5) if variance > 0 else None


def profile_rows(
    asked: Sequence[Asked], documents: Iterator[Mapping[str, Any]], place: str, nation: str | None
) -> list[Row]:
    """Return the rows of a profile.

    Parameters
    ----------
    documents: the document of each request of each question, in their order
    place, nation: names of locations; None for a table without the nation
    """
    answers = [_answer(each, documents, place, nation) for each in asked]
    p_values = [answer.p_value() for answer in answers]
    adjusted = iter(holm([p for p in p_values if p is not None]))
    return [
        _row(answer, place, None if p is None else next(adjusted)) for answer, p in zip(answers, p_values, strict=True)
    ]


def _answer(asked: Asked, documents: Iterator[Mapping[str, Any]], place: str, nation: str | None) -> _Answer:
    figures = next(documents)
    cells = {cell["location"]: cell for cell in figures["data"] if cell["value"] is not None}
    ranks = next(documents)["data"] if asked.ranks else None
    change = next(documents)["data"] if asked.change else None
    return _Answer(asked, about_of(figures["provenance"]), cells.get(place), cells.get(nation or ""), ranks, change)


def _row(answer: _Answer, place: str, p_value: float | None) -> Row:
    question, about, asked = answer.asked.data.question, answer.about, answer.asked
    return Row(
        question=short_name(question.text) if question.name == question.text else about.subject,
        text=question.name,
        years=year_span(about.years),
        figure=_fact(asked.figures, estimate_words(answer.here, about) if answer.here else ""),
        nation=estimate_words(answer.nation, about) if answer.nation else NO_FIGURE,
        beside=_beside(answer, p_value, question.best),
        rank=_fact(asked.ranks, _rank_words(answer.ranks, place)),
        change=_fact(asked.change, _change_words(answer.change, about)),
    )


def _fact(asked: tuple[str, Body] | None, text: str) -> Fact:
    return Fact(text, address_of(fields_of(*asked))) if asked and text else Fact(NO_FIGURE)


def _beside(answer: _Answer, p_value: float | None, best: Direction | None) -> str:
    if p_value is None or answer.here is None or answer.nation is None:
        return NO_FIGURE
    if p_value >= ALPHA:
        return ALIKE
    is_higher = answer.here["value"] > answer.nation["value"]
    if best is None:
        return "higher" if is_higher else "lower"
    return "worse" if is_higher == (best == "min") else "better"


def _rank_words(ranks: Mapping[str, Any] | None, place: str) -> str:
    cell = next((each for each in ranks["locations"] if each["location"] == place), None) if ranks else None
    if ranks is None or cell is None or cell["rank"] is None:
        return ""
    return f"{cell['rank']} ({cell['rank_low']} to {cell['rank_high']}) of {ranks['ranked']}"


def _change_words(change: Mapping[str, Any] | None, about: About) -> str:
    if change is None:
        return ""
    gap, since = change["difference"], year_span(change["b"]["years"])
    sign = "+" if gap["value"] > 0 else ""
    words = f"{sign}{points(gap['value'], about)} ({limits(gap['low'], gap['high'])}) since {since}"
    return words if gap["p_value"] < ALPHA else f"no change can be told: {words}"


def profile_finding(rows: Sequence[Row], place: str) -> str:
    """Return how a place compares with the nation, as a sentence; "" if it cannot be compared."""
    compared = [row.beside for row in rows if row.beside != NO_FIGURE]
    if not compared:
        return ""
    counts = [(word, compared.count(word)) for word in ("better", "worse", "higher", "lower")]
    told = listed([f"{word} in {count}" for word, count in counts if count])
    alike = compared.count(ALIKE)
    of = f"of {counted(len(compared), 'question')}, {place_words(place)} is beside the nation "
    return sentence(of + told if told else "", f"in {alike} the two {ALIKE}" if alike else "")
