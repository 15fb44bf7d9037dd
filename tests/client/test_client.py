"""The client's methods, against the application and, where an answer must be a certain one, against a stub."""

import threading
from collections.abc import Callable

import pytest

from app.client import AnswerError, BrokenAnswerError, Client, JobFailedError, NotDoneError
from app.client.parcels import parcels
from support.small_survey import OBESITY
from support.stub_server import Answer, StubServer

RUNNING = {"status": "running"}
RESULT = {"status": "done", "data": {"Ohio": 31.0}}
CSV = Answer(b"location,value\nOhio,31.0\n", headers={"Content-Type": "text/csv; charset=utf-8"})


def test_a_question_is_asked_and_its_result_returned(address: str) -> None:
    with Client(address) as client:
        assert client.ask("state_mean", question=OBESITY, state="OH") == {"Ohio": (30.0 + 32.0 + 31.0) / 3}
        assert client.jobs() == {"job_id_1": "done"}
        assert client.unfinished() == 0


def test_what_can_be_asked_is_told(address: str) -> None:
    with Client(address) as client:
        assert {"name": "Ohio", "abbreviation": "OH"} in client.states()
        assert OBESITY in {question["question"] for question in client.questions()}
        assert client.dataset()["rows_read"] == 32
        needed = {statistic.name: statistic.needed for statistic in client.statistics()}
    assert needed["state_mean"] == ("question", "state")


def test_a_request_that_the_server_refuses_is_told_with_its_reason(address: str) -> None:
    with Client(address) as client, pytest.raises(AnswerError, match="the closest are: 'OH'") as caught:
        client.ask("state_mean", question=OBESITY, state="Ohoi")
    assert caught.value.status == 400


@pytest.mark.parametrize("name", ["job_id_99", "nothing", "../jobs", "job_id_1?wait=3"])
def test_an_id_that_is_none_reaches_no_other_route(address: str, name: str) -> None:
    with Client(address) as client, pytest.raises(AnswerError) as caught:
        client.wait(name)
    assert caught.value.status == 404


def test_a_job_is_waited_for(address: str, open_gate: Callable[[], None]) -> None:
    with Client(address) as client:
        job_id = client.submit("global_mean", question=OBESITY)
        assert client.look(job_id) == RUNNING
        with pytest.raises(NotDoneError, match=f"{job_id} has not ended within 0.05 s"):
            client.wait(job_id, 0.05)
        opening = threading.Timer(0.05, open_gate)
        opening.start()
        assert client.wait(job_id)["status"] == "done"
        opening.join()


def test_a_waiting_job_is_cancelled_and_its_waiter_told(address: str, open_gate: Callable[[], None]) -> None:
    with Client(address) as client:
        job_id = client.submit("global_mean", question=OBESITY)
        assert client.cancel(job_id) == "cancelled"
        with pytest.raises(JobFailedError, match=f"{job_id} failed: cancelled"):
            client.wait(job_id)
        open_gate()


def test_a_server_that_shuts_down_says_when_no_job_is_left(address: str, open_gate: Callable[[], None]) -> None:
    with Client(address, retries=0) as client:
        assert not client.shutdown()
        with pytest.raises(AnswerError, match="shutting down") as caught:
            client.submit("global_mean", question=OBESITY)
        assert caught.value.status == 503
        open_gate()
        for job_id in client.jobs():
            client.wait(job_id)
        assert client.shutdown()


def test_jobs_are_listed_from_one_on(address: str) -> None:
    with Client(address) as client:
        ids = [client.submit("global_mean", question=OBESITY) for _ in range(3)]
        assert list(client.jobs(after=ids[0])) == ids[1:]


def test_a_server_that_has_no_room_to_hold_requests_is_not_asked_without_a_pause(stub: StubServer) -> None:
    pauses: list[float] = []
    stub.on("GET /api/get_results/job_id_1", *[RUNNING] * 3, RESULT)
    with Client(stub.address, pause=lambda seconds, _: pauses.append(seconds)) as client:
        assert client.wait("job_id_1") == RESULT
    assert pauses == [0.1] * 3
    assert {asked.query["wait"] for asked in stub.asked} == {"20"}


def test_a_result_is_fetched_in_a_form(stub: StubServer) -> None:
    stub.on("GET /api/get_results/job_id_1", CSV)
    with Client(stub.address) as client:
        assert client.fetch("job_id_1", "csv") == CSV.content
    assert stub.asked[0].query == {"format": "csv"}


def test_another_form_than_the_one_asked_for_is_not_taken_for_it(stub: StubServer) -> None:
    stub.on("GET /api/get_results/job_id_1", RESULT)
    with Client(stub.address) as client, pytest.raises(BrokenAnswerError, match=r"not give results as png: .*json"):
        client.fetch("job_id_1", "png")


def test_a_server_that_does_not_tell_its_statistics_has_none_to_complete(stub: StubServer) -> None:
    with Client(stub.address) as client:
        assert client.statistics() == []


# Batches


def batch_on(stub: StubServer, count: int) -> list[str]:
    """Let a stub accept batches of one parcel, and show two of its jobs as running at first."""
    ids = [f"job_id_{number}" for number in range(1, count + 1)]
    done = {job_id: {"status": "done", "data": {"place": place}} for place, job_id in enumerate(ids)}
    stub.on("POST /api/batch", {"job_ids": ids})
    first = {**done, ids[0]: RUNNING, ids[-1]: {"status": "error", "reason": "cancelled"}}
    stub.on("GET /api/get_results", {"status": "done", "data": first}, {"status": "done", "data": done})
    return ids


def test_a_batch_is_answered_in_the_order_of_its_requests(stub: StubServer) -> None:
    ids = batch_on(stub, 3)
    requests = [{"statistic": "global_mean", "question": f"Q{number}"} for number in range(3)]
    ended: list[None] = []
    with Client(stub.address) as client:
        answered = list(client.batch(requests, lambda: ended.append(None)))
    assert [job_id for job_id, _ in answered] == ids
    assert answered[0][1] == {"status": "done", "data": {"place": 0}}
    assert answered[2][1] == {"status": "error", "reason": "cancelled"}
    assert len(ended) == 3
    assert stub.bodies("POST /api/batch") == [requests]
    assert [asked.query["ids"] for asked in stub.asked[1:]] == ["job_id_1,job_id_2,job_id_3", "job_id_1"]


def test_jobs_of_which_none_has_ended_are_not_looked_at_without_a_pause(stub: StubServer) -> None:
    pauses: list[float] = []
    running, done = ({"status": "done", "data": {"job_id_1": document}} for document in (RUNNING, RESULT))
    stub.on("GET /api/get_results", running, running, done)
    with Client(stub.address, pause=lambda seconds, _: pauses.append(seconds)) as client:
        assert list(client.ended(["job_id_1"])) == [("job_id_1", RESULT)]
    assert pauses == [0.1, 0.1]


def test_a_server_that_forgets_jobs_of_a_batch_is_told(stub: StubServer) -> None:
    stub.on("POST /api/batch", {"job_ids": ["job_id_1"]})
    with Client(stub.address) as client:
        with pytest.raises(BrokenAnswerError, match="1 ids for 2 requests"):
            client.submit_parcel([{"statistic": "best5"}] * 2)
        stub.on("GET /api/get_results", {"status": "done", "data": {}})
        with pytest.raises(BrokenAnswerError, match="no 'job_id_1'"):
            list(client.ended(["job_id_1"]))


def test_a_batch_against_the_application(address: str) -> None:
    places = {"Ohio": 31.0, "Texas": 34.0, "Maine": 28.5}
    requests = [{"statistic": "state_mean", "question": OBESITY, "state": place} for place in places]
    with Client(address) as client:
        documents = [document for _, document in client.batch(requests)]
    assert [document["data"] for document in documents] == [{place: mean} for place, mean in places.items()]


def test_requests_are_cut_into_parcels_by_number_and_by_size() -> None:
    small = [{"statistic": "best5", "question": str(number)} for number in range(2_001)]
    assert [len(parcel) for parcel in parcels(small)] == [1_000, 1_000, 1]
    assert [request for parcel in parcels(small) for request in parcel] == small
    large = [{"statistic": "best5", "question": "x" * 400_000}] * 5
    assert [len(parcel) for parcel in parcels(large)] == [2, 2, 1]
    assert list(parcels([])) == []
