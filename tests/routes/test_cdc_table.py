"""All nine statistics for all nine questions of the whole CDC table against the plain computation."""

import json

import pytest

from app.queries.bodies import parse_body
from app.statistics import STATISTICS
from app.statistics.means import StateBody
from app.table.engines.pandas_reader import read_table
from app.table.survey_table import SurveyTable
from checker import difference
from support.real_server import PROJECT_ROOT
from tools.make_reference_cases import STATISTICS as NINE
from tools.make_reference_cases import Reference, read_rows

CDC_TABLE = PROJECT_ROOT.parent / "shared" / "data" / "cdc_2011_2021.csv.gz"
EVERY_NTH_STATE = 10  # of those that have a value, where a statistic is about one; states_mean covers them all

pytestmark = pytest.mark.skipif(not CDC_TABLE.is_file(), reason="the CDC table lies in ../shared/data")


@pytest.fixture(scope="module")
def table() -> SurveyTable:
    return read_table(CDC_TABLE)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(read_rows(CDC_TABLE))


@pytest.mark.parametrize("question", [f"Q{number:03}" for number in (18, 19, 36, 37, 43, 44, 45, 46, 47)])
@pytest.mark.parametrize("statistic", NINE)
def test_a_statistic_equals_the_plain_computation(
    table: SurveyTable, reference: Reference, statistic: str, question: str
) -> None:
    entry = STATISTICS[statistic]
    data = table.questions[table.question_code(question)]
    places = [table.location_names[code] for code in data.means.by_location.locations.tolist()]
    bodies = [{"question": question}]
    if issubclass(entry.body, StateBody):
        bodies = [{"question": question, "state": place} for place in places[::EVERY_NTH_STATE]]
    for body in bodies:
        query = entry.input.resolve(parse_body(json.dumps(body).encode(), entry.body), table)
        result = json.loads(json.dumps(entry.compute(table, query)))
        wanted = json.loads(json.dumps(reference.expected(statistic, body)))
        assert difference(wanted, result, ranking=not statistic.endswith("by_category")) is None
