"""The methods of ``Client``, against the application, and against a stub for responses that it does not send."""

import itertools
import sys
import threading
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pandas as pd
import pytest
from flask import Flask
from werkzeug.serving import make_server

from app.settings import Settings
from conftest import QuietHandler
from health_statistics import Client, JobFailedError, JobTimeoutError, ProtocolError, ResponseError, UsageError
from health_statistics.client import chunks
from support.served import served
from support.small_survey import OBESITY
from support.stub_server import Response, StubServer

RUNNING = {"status": "running"}
RESULT = {"status": "done", "data": {"Ohio": 31.0}}
CSV = Response(b"location,value\nOhio,31.0\n", headers={"Content-Type": "text/csv; charset=utf-8"})


def test_ask_returns_the_data_of_the_result(address: str) -> None:
    with Client(address) as client:
        assert client.ask("state_mean", question=OBESITY, state="OH") == {"Ohio": (30.0 + 32.0 + 31.0) / 3}
        assert client.jobs() == {"job_id_1": "done"}
        assert client.unfinished() == 0


def test_states_questions_dataset_and_statistics_are_listed(address: str) -> None:
    with Client(address) as client:
        assert {"name": "Ohio", "abbreviation": "OH"} in client.states()
        assert OBESITY in {question["question"] for question in client.questions()}
        assert client.dataset()["rows_read"] == 32
        needed = {statistic.name: statistic.needed for statistic in client.statistics()}
    assert needed["state_mean"] == ("question", "state")


def test_a_rejected_request_raises_the_reason_of_the_server(address: str) -> None:
    with Client(address) as client, pytest.raises(ResponseError, match="the closest are: 'Ohio'") as caught:
        client.ask("state_mean", question=OBESITY, state="Ohoi")
    assert caught.value.status == 400
    assert (caught.value.field, caught.value.suggestions) == ("state", ("Ohio",))


@pytest.mark.parametrize("name", ["job_id_99", "nothing", "../jobs", "job_id_1?wait=3"])
def test_an_invalid_job_id_does_not_reach_another_route(address: str, name: str) -> None:
    with Client(address) as client, pytest.raises(ResponseError) as caught:
        client.wait(name)
    assert caught.value.status == 404
    assert (caught.value.field, caught.value.suggestions) == ("", ())


def test_wait_returns_when_the_job_finishes_or_raises_after_the_timeout(
    address: str, open_gate: Callable[[], None]
) -> None:
    with Client(address) as client:
        job_id = client.submit("global_mean", question=OBESITY)
        assert client.poll(job_id) == RUNNING
        with pytest.raises(JobTimeoutError, match=f"{job_id} did not finish within the timeout"):
            client.wait(job_id, 0.05)
        opening = threading.Timer(0.05, open_gate)
        opening.start()
        assert client.wait(job_id)["status"] == "done"
        opening.join()


def test_waiting_for_a_cancelled_job_raises(address: str, open_gate: Callable[[], None]) -> None:
    with Client(address) as client:
        job_id = client.submit("global_mean", question=OBESITY)
        assert client.cancel(job_id) == "cancelled"
        with pytest.raises(JobFailedError, match=f"{job_id} failed: cancelled"):
            client.wait(job_id)
        open_gate()


def test_shutdown_returns_whether_all_jobs_have_finished(address: str, open_gate: Callable[[], None]) -> None:
    with Client(address, retries=0) as client:
        assert not client.shutdown()
        with pytest.raises(ResponseError, match="shutting down") as caught:
            client.submit("global_mean", question=OBESITY)
        assert caught.value.status == 503
        open_gate()
        for job_id in client.jobs():
            client.wait(job_id)
        assert client.shutdown()


def test_jobs_are_listed_after_a_given_one(address: str) -> None:
    with Client(address) as client:
        ids = [client.submit("global_mean", question=OBESITY) for _ in range(3)]
        assert list(client.jobs(after=ids[0])) == ids[1:]


def test_polling_pauses_when_the_server_does_not_hold_responses(stub: StubServer) -> None:
    pauses: list[float] = []
    stub.on("GET /api/get_results/job_id_1", *[RUNNING] * 3, RESULT)
    with Client(stub.address, pause=lambda seconds, _: pauses.append(seconds)) as client:
        assert client.wait("job_id_1") == RESULT
    assert pauses == [0.1] * 3
    assert {request.query["wait"] for request in stub.requests} == {"20"}


def test_fetch_returns_a_result_in_a_file_format(stub: StubServer) -> None:
    stub.on("GET /api/get_results/job_id_1", CSV)
    with Client(stub.address) as client:
        assert client.fetch("job_id_1", "csv") == CSV.content
    assert stub.requests[0].query == {"format": "csv"}


def test_fetch_rejects_a_result_in_another_format(stub: StubServer) -> None:
    stub.on("GET /api/get_results/job_id_1", RESULT)
    with Client(stub.address) as client, pytest.raises(ProtocolError, match=r"not support png: it sent .*json"):
        client.fetch("job_id_1", "png")


def test_a_server_without_a_list_of_statistics_has_none(stub: StubServer) -> None:
    with Client(stub.address) as client:
        assert client.statistics() == []


# Results of other requests


def mixed_up_stub(stub: StubServer, statistic: str, question: str) -> None:
    """Make a stub accept best5 of Q036, and answer for the same job id with the job of somebody else."""
    stub.on("POST /api/best5", {"job_id": "job_id_1"})
    stub.on("POST /api/batch", {"job_ids": ["job_id_1"]})
    stub.on("GET /api/get_results/job_id_1", RESULT)
    stub.on("GET /api/get_results", {"status": "done", "data": {"job_id_1": RESULT}})
    details = {"job_id": "job_id_1", "statistic": statistic, "body": {"question": question}}
    stub.on("GET /api/job_details", {"status": "done", "data": [details]})


@pytest.mark.parametrize(("statistic", "question"), [("worst5", "Q036"), ("best5", "Q037")])
def test_a_result_of_another_request_raises(stub: StubServer, statistic: str, question: str) -> None:
    mixed_up_stub(stub, statistic, question)
    with Client(stub.address) as client:
        with pytest.raises(ProtocolError, match=rf"job_id_1 belongs to another request \({statistic}, {question}\)"):
            client.ask("best5", question="Q036")
        with pytest.raises(ProtocolError, match="belongs to another request"):
            list(client.batch([{"statistic": "best5", "question": "Q036"}]))
    queries = [request.query for request in stub.requests if request.route == "GET /api/job_details"]
    assert queries == [{"limit": "1", "before": "job_id_2"}] * 2


def test_servers_that_a_proxy_uses_in_turn_never_answer_for_each_other(
    start_app: Callable[[Settings], Flask], settings: Settings
) -> None:
    folders = (settings.results_dir / name for name in "ab")
    apps = [start_app(settings.model_copy(update={"results_dir": folder})) for folder in folders]
    # One server is a job ahead, so that the same job id belongs to different requests.
    apps[1].test_client().post("/api/state_mean", json={"question": OBESITY, "state": "UT"})
    turns = itertools.cycle(apps)

    def forward(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return next(turns)(environ, start_response)

    proxy = make_server("127.0.0.1", 0, forward, request_handler=QuietHandler)
    with served(proxy), Client(f"http://127.0.0.1:{proxy.server_port}") as client:
        assert client.ask("state_mean", question=OBESITY, state="OH") == {"Ohio": 31.0}
        assert client.ask("state_mean", question=OBESITY, state="TX") == {"Texas": 34.0}
        with pytest.raises(ProtocolError, match=r"job_id_2 belongs to another request .*TX"):
            client.ask("state_mean", question=OBESITY, state="OH", format="csv")


def test_a_file_of_another_request_raises(stub: StubServer) -> None:
    mixed_up_stub(stub, "worst5", "Q036")
    stub.on("POST /api/best5", {"job_id": "job_id_1", **RESULT})
    stub.on("GET /api/get_results/job_id_1", CSV)
    with Client(stub.address) as client, pytest.raises(ProtocolError, match="belongs to another request"):
        client.ask("best5", question="Q036", format="csv")


def test_a_result_in_the_response_to_its_own_request_needs_no_other_request(stub: StubServer) -> None:
    stub.on(
        "POST /api/best5", {"job_id": "job_id_1", **RESULT}, {"job_id": "job_id_2", "status": "error", "reason": "x"}
    )
    with Client(stub.address) as client:
        assert client.run("best5", question="Q036") == ("job_id_1", RESULT)
        with pytest.raises(JobFailedError, match="job_id_2 failed: x"):
            client.ask("best5", question="Q036")
    assert stub.routes() == ["POST /api/best5"] * 2
    assert {request.headers["Prefer"] for request in stub.requests} == {"wait=20"}


def test_slow_jobs_pass_the_check_of_their_request(address: str, open_gate: Callable[[], None]) -> None:
    with Client(address) as client, pytest.raises(JobTimeoutError) as raised:
        client.run("state_mean", question=OBESITY, state="OH", timeout_seconds=0)
    opening = threading.Timer(1.2, open_gate)
    opening.start()
    with Client(address) as client:
        document = client.wait(raised.value.job_id)
        assert (
            client.run("state_mean", question=OBESITY, state="OH", years=[2019, 2020], timeout_seconds=60).document
            == document
        )
        requests = [{"statistic": "state_mean", "question": OBESITY, "state": "OH", "years": {"from": 2019}}] * 3
        assert [job.document for job in client.batch(requests)] == [document] * 3
    opening.join()


# Formats


def test_ask_returns_files_as_bytes(address: str) -> None:
    with Client(address) as client:
        assert client.ask("state_mean", question=OBESITY, state="OH", format="csv") == b"location,mean\r\nOhio,31.0\r\n"
        dark, light = (
            client.ask("best5", question=OBESITY, format="svg", kind="map", theme=theme) for theme in ("dark", "light")
        )
    assert b"<svg" in dark
    assert dark != light


def test_ask_returns_a_dataframe(address: str) -> None:
    with Client(address) as client:
        frame = client.ask("estimate", question=OBESITY, by=["location"], format="dataframe")
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns[:2]) == ["location", "value"]
    assert frame.set_index("location")["value"]["Ohio"] == 31.0


def test_a_dataframe_without_pandas_raises_and_nothing_is_submitted(
    stub: StubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with (
        Client(stub.address) as client,
        pytest.raises(UsageError, match="needs pandas; install it: pip install pandas"),
    ):
        client.ask("best5", question="Q036", format="dataframe")
    assert stub.requests == []


def test_an_unknown_format_raises_and_nothing_is_submitted(stub: StubServer) -> None:
    with Client(stub.address) as client, pytest.raises(UsageError, match="choose one of dataframe, csv, parquet"):
        client.ask("best5", question="Q036", format="xlsx")
    assert stub.requests == []


# Batches


def batch_on(stub: StubServer, count: int) -> list[str]:
    """Make a stub accept a batch, whose first job is running at first and whose last job fails."""
    ids = [f"job_id_{number}" for number in range(1, count + 1)]
    done = {job_id: {"status": "done", "data": {"place": place}} for place, job_id in enumerate(ids)}
    stub.on("POST /api/batch", {"job_ids": ids})
    first = {**done, ids[0]: RUNNING, ids[-1]: {"status": "error", "reason": "cancelled"}}
    stub.on("GET /api/get_results", {"status": "done", "data": first}, {"status": "done", "data": done})
    return ids


def test_batch_yields_jobs_in_the_order_of_the_requests(stub: StubServer) -> None:
    ids = batch_on(stub, 3)
    requests = [{"statistic": "global_mean", "question": f"Q{number}"} for number in range(3)]
    finished: list[None] = []
    with Client(stub.address) as client:
        jobs = list(client.batch(requests, lambda: finished.append(None)))
    assert [job_id for job_id, _ in jobs] == ids
    assert jobs[0].document == {"status": "done", "data": {"place": 0}}
    assert jobs[2].document == {"status": "error", "reason": "cancelled"}
    assert len(finished) == 3
    assert stub.bodies("POST /api/batch") == [requests]
    assert [request.query["ids"] for request in stub.requests if "ids" in request.query] == [
        "job_id_1,job_id_2,job_id_3",
        "job_id_1",
    ]


def test_polling_many_jobs_pauses_when_the_server_does_not_hold_responses(stub: StubServer) -> None:
    pauses: list[float] = []
    running, done = ({"status": "done", "data": {"job_id_1": document}} for document in (RUNNING, RESULT))
    stub.on("GET /api/get_results", running, running, done)
    with Client(stub.address, pause=lambda seconds, _: pauses.append(seconds)) as client:
        assert list(client.as_finished(["job_id_1"])) == [("job_id_1", RESULT)]
    assert pauses == [0.1, 0.1]


def test_a_batch_with_missing_jobs_raises(stub: StubServer) -> None:
    stub.on("POST /api/batch", {"job_ids": ["job_id_1"]})
    with Client(stub.address) as client:
        with pytest.raises(ProtocolError, match="1 job ids for 2 requests"):
            client.submit_batch([{"statistic": "best5"}] * 2)
        stub.on("GET /api/get_results", {"status": "done", "data": {}})
        with pytest.raises(ProtocolError, match="has no 'job_id_1'"):
            list(client.as_finished(["job_id_1"]))


def test_a_batch_runs_on_the_application(address: str) -> None:
    places = {"Ohio": 31.0, "Texas": 34.0, "Maine": 28.5}
    requests = [{"statistic": "state_mean", "question": OBESITY, "state": place} for place in places]
    with Client(address) as client:
        documents = [document for _, document in client.batch(requests)]
    assert [document["data"] for document in documents] == [{place: mean} for place, mean in places.items()]


def test_requests_are_split_into_chunks_by_number_and_by_size() -> None:
    small = [{"statistic": "best5", "question": str(number)} for number in range(2_001)]
    assert [len(chunk) for chunk in chunks(small)] == [1_000, 1_000, 1]
    assert [request for chunk in chunks(small) for request in chunk] == small
    large = [{"statistic": "best5", "question": "x" * 400_000}] * 5
    assert [len(chunk) for chunk in chunks(large)] == [2, 2, 1]
    assert list(chunks([])) == []
