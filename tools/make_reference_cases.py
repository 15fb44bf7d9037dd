"""Write the reference cases: requests to the server, and the results expected by a plain computation.

The computation goes row by row in decimal arithmetic. It shares no code with the server, so that the same mistake would
have to be made twice to go undetected. It needs only the standard library.
"""

import argparse
import csv
import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
FACTS = json.loads((PROJECT_ROOT / "app" / "table" / "cdc_facts.json").read_text(encoding="utf-8"))
QUESTION_TEXTS: dict[str, str] = {fact["id"]: fact["text"] for fact in FACTS["questions"]}
QUESTION_IDS = {text: question_id for question_id, text in QUESTION_TEXTS.items()}
BEST: dict[str, str] = {fact["text"]: fact["best"] for fact in FACTS["questions"]}
LOCATION_NAMES: dict[str, str] = {fact["abbr"]: fact["name"] for fact in FACTS["locations"]}
ABBREVIATIONS = {name: abbreviation for abbreviation, name in LOCATION_NAMES.items()}

QUESTION_STATISTICS = ("states_mean", "best5", "worst5", "global_mean", "diff_from_mean", "mean_by_category")
STATE_STATISTICS = ("state_mean", "state_diff_from_mean", "state_mean_by_category")
STATISTICS = QUESTION_STATISTICS + STATE_STATISTICS
RANKING_LENGTH = 5
HIGHEST_PERCENT = 100

CASES_PER_STATE_STATISTIC = 20
ALWAYS_ASKED = ("National", "Guam", "District of Columbia")
LOCATION_STEP = 7  # coprime with the 52 other locations, so that none repeats before all were used
EVERY_NTH_BY_ID = 5
EVERY_NTH_BY_ABBREVIATION = 4
CASE_FILE = re.compile(r"(in|out)-[0-9]+\.json")

Means = dict[str, Decimal]
Body = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """A row with a value (percent); ``category`` and ``stratum`` may be empty."""

    location: str
    question: str
    value: Decimal
    category: str
    stratum: str


@dataclass(frozen=True, slots=True)
class Case:
    """A request's body and the expected ``data`` of its result."""

    statistic: str
    number: int
    body: Body
    expected: object


def read_rows(path: Path) -> list[Row]:
    """Read the rows with a percentage from a CSV table, gzipped if its name ends in ``.gz``.

    Raises
    ------
    KeyError: a column is missing
    OSError: the file cannot be read
    """
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as content:
        lines = csv.reader(io.TextIOWrapper(content, encoding="utf-8-sig", newline=""))
        header = [name.strip() for name in next(lines, [])]
        return list(_rows(dict(zip(header, (field.strip() for field in line), strict=True)) for line in lines if line))


def _rows(records: Iterable[Mapping[str, str]]) -> Iterator[Row]:
    for record in records:
        value = _percentage(record["Data_Value"])
        if value is not None and record["LocationDesc"] and record["Question"]:
            strata = record["StratificationCategory1"], record["Stratification1"]
            yield Row(record["LocationDesc"], record["Question"], value, *strata)


def _percentage(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value <= HIGHEST_PERCENT else None


class Reference:
    """The nine statistics of a table, whose rows are grouped by question once."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows: dict[str, list[Row]] = {}
        for row in rows:
            self._rows.setdefault(row.question, []).append(row)

    def questions(self) -> list[str]:
        """Return the texts of the known questions with a value in the table, in the order of their ids."""
        return [text for _, text in sorted(QUESTION_TEXTS.items()) if text in self._rows]

    def has_value(self, question: str, location: str) -> bool:
        """Return whether the question (by text) has a row for the location."""
        return any(row.location == location for row in self._rows.get(question, []))

    def expected(self, statistic: str, body: Body) -> object:
        """Return the expected ``data`` of a job's result (percent, percentage points).

        Parameters
        ----------
        statistic: one of ``STATISTICS``
        body: ``question`` as text or id; ``state`` as name or abbreviation if the statistic takes one; ``best``,
            ``min`` or ``max``, to rank a question of unknown direction

        Raises
        ------
        KeyError: the statistic, question or state is unknown or has no value, or the direction is unknown
        """
        if statistic not in STATISTICS:
            raise KeyError(statistic)
        question = QUESTION_TEXTS.get(body["question"], body["question"])
        rows = self._rows[question]
        if statistic in STATE_STATISTICS:
            return _of_state(statistic, rows, LOCATION_NAMES.get(body["state"], body["state"]))
        if statistic in {"best5", "worst5"}:
            best = body.get("best") or BEST[question]
            return _five(rows, highest_first=best == ("max" if statistic == "best5" else "min"))
        return _of_question(statistic, rows)


def expected(rows: Iterable[Row], statistic: str, body: Body) -> object:
    """Return ``Reference.expected`` for a single request over a table."""
    return Reference(rows).expected(statistic, body)


def _of_question(statistic: str, rows: list[Row]) -> object:
    everywhere = _mean(row.value for row in rows)
    if statistic == "global_mean":
        return {"global_mean": float(everywhere)}
    if statistic == "mean_by_category":
        return _by_stratum(((row.location, row.category, row.stratum), row) for row in rows)
    ranked = _ranked(_location_means(rows))
    if statistic == "diff_from_mean":
        ranked = {location: everywhere - mean for location, mean in ranked.items()}
    return {location: float(value) for location, value in ranked.items()}


def _of_state(statistic: str, rows: list[Row], state: str) -> object:
    mean = _location_means(rows)[state]
    if statistic == "state_mean_by_category":
        return {state: _by_stratum(((row.category, row.stratum), row) for row in rows if row.location == state)}
    return {state: float(mean if statistic == "state_mean" else _mean(row.value for row in rows) - mean)}


def _five(rows: list[Row], *, highest_first: bool) -> object:
    ranked = _ranked(_location_means(rows), highest_first=highest_first)
    return {location: float(mean) for location, mean in list(ranked.items())[:RANKING_LENGTH]}


def _ranked(means: Means, *, highest_first: bool = False) -> Means:
    """Sort by mean, then by name; decimal arithmetic keeps equal means exactly equal."""
    return dict(sorted(means.items(), key=lambda item: (-item[1] if highest_first else item[1], item[0])))


def _location_means(rows: Iterable[Row]) -> Means:
    values: dict[str, list[Decimal]] = {}
    for row in rows:
        values.setdefault(row.location, []).append(row.value)
    return {location: _mean(of_location) for location, of_location in values.items()}


def _by_stratum(keyed_rows: Iterable[tuple[tuple[str, ...], Row]]) -> dict[str, float]:
    """Return the mean of each key, sorted by key; rows without category or stratum are skipped."""
    values: dict[tuple[str, ...], list[Decimal]] = {}
    for key, row in keyed_rows:
        if row.category and row.stratum:
            values.setdefault(key, []).append(row.value)
    return {repr(key): float(_mean(values[key])) for key in sorted(values)}


def _mean(values: Iterable[Decimal]) -> Decimal:
    collected = list(values)
    return sum(collected, Decimal()) / len(collected)


def make_cases(reference: Reference) -> Iterator[Case]:
    """Choose requests and compute their expected results; the same table gives the same cases in the same order.

    Each question statistic gets one case per question. Each state statistic gets ``CASES_PER_STATE_STATISTIC`` cases,
    with questions and locations in fixed steps; locations without a value are skipped.
    """
    for offset, statistic in enumerate(STATISTICS):
        bodies = _state_bodies(reference, offset) if statistic in STATE_STATISTICS else _bodies(reference, offset)
        for number, body in enumerate(bodies, start=1):
            yield Case(statistic, number, body, reference.expected(statistic, body))


def _bodies(reference: Reference, offset: int) -> Iterator[Body]:
    for number, question in enumerate(reference.questions()):
        yield {"question": _question_name(question, number + offset)}


def _state_bodies(reference: Reference, offset: int) -> Iterator[Body]:
    questions = reference.questions()
    for number in range(CASES_PER_STATE_STATISTIC):
        question = questions[(number + offset) % len(questions)]
        candidates = _candidates(number, offset)
        state = next((name for name in candidates if reference.has_value(question, name)), None)
        if state is not None:
            yield {
                "question": _question_name(question, number + offset),
                "state": ABBREVIATIONS[state] if (number + offset) % EVERY_NTH_BY_ABBREVIATION == 0 else state,
            }


def _candidates(number: int, offset: int) -> list[str]:
    """Return all locations in the order that a case tries them."""
    others = sorted(set(ABBREVIATIONS) - set(ALWAYS_ASKED))
    start = (number + offset * CASES_PER_STATE_STATISTIC) * LOCATION_STEP % len(others)
    first = ALWAYS_ASKED[number : number + 1]
    return [*first, *others[start:], *others[:start]]


def _question_name(question: str, number: int) -> str:
    return QUESTION_IDS[question] if number % EVERY_NTH_BY_ID == 0 else question


def write_cases(cases: Iterable[Case], folder: Path) -> int:
    """Write each case as ``<statistic>/input/in-N.json`` and ``<statistic>/output/out-N.json``; return their number.

    The cases of an earlier run are removed first.

    Raises
    ------
    OSError: a file cannot be written
    """
    computed = list(cases)
    _remove_cases(folder)
    for case in computed:
        _write(folder / case.statistic / "input" / f"in-{case.number}.json", case.body)
        _write(folder / case.statistic / "output" / f"out-{case.number}.json", case.expected)
    return len(computed)


def _remove_cases(folder: Path) -> None:
    for statistic in STATISTICS:
        for path in [*folder.glob(f"{statistic}/input/*"), *folder.glob(f"{statistic}/output/*")]:
            if CASE_FILE.fullmatch(path.name):
                path.unlink()


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def main(arguments: list[str] | None = None) -> None:
    """Write the cases of the table given on the command line.

    Raises
    ------
    SystemExit: 2, if the table is unusable
    OSError: a case cannot be written
    """
    parser = argparse.ArgumentParser(description="Write the reference cases that the checker sends to the server.")
    table, folder = PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv", PROJECT_ROOT / "tests" / "cases"
    parser.add_argument("--table", type=Path, default=table, help="CSV file, plain or .gz (default: the bundled one)")
    parser.add_argument("--output", type=Path, default=folder, help="folder of the cases (default: tests/cases)")
    options = parser.parse_args(arguments)
    try:
        reference = Reference(read_rows(options.table))
    except KeyError as error:
        parser.error(f"{options.table}: has no column {error}")
    except (OSError, EOFError, ValueError) as error:
        parser.error(f"{options.table}: cannot be read: {error}")
    if not reference.questions():
        parser.error(f"{options.table}: has no value for any of the questions {', '.join(QUESTION_TEXTS)}")
    written = write_cases(make_cases(reference), options.output)
    print(f"{written} cases written to {options.output}")


if __name__ == "__main__":
    main()
