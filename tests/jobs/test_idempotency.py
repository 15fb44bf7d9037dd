"""A submission that is sent again under its key makes no second job."""

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.errors import KeyReusedError
from app.jobs.job import Job, Submission, done_document
from app.jobs.job_store import JobStore
from app.jobs.retention import Retention
from app.services import Services
from app.settings import Settings
from support.pool_parts import echo_request, make_store
from support.small_survey import OBESITY, assert_error

SENDERS = 8
ROUNDS = 20
PATH = "/api/global_mean"
BODY = {"question": OBESITY}


def send(client: FlaskClient, key: str, path: str = PATH, body: object = None) -> TestResponse:
    """Submit under a key."""
    return client.post(path, json=body or BODY, headers={"Idempotency-Key": key})


def id_of(answer: TestResponse) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.get_json()["job_id"])


def accepted(client: FlaskClient) -> int:
    """Count the jobs that are kept."""
    return len(client.get("/api/jobs").get_json()["data"])


# Over HTTP


def test_the_same_key_and_request_give_the_same_answer(client: FlaskClient) -> None:
    first = send(client, "a")
    client.get("/api/get_results/job_id_1?wait=10")
    second = send(client, "a")
    assert (first.data, first.headers["Location"]) == (second.data, second.headers["Location"])
    assert accepted(client) == 1


def test_spaces_and_the_order_of_fields_make_no_other_request(client: FlaskClient) -> None:
    for text in ('{"question":"Q036","state":"OH"}', ' {"state": "OH",\n "question": "Q036"}'):
        headers = {"Idempotency-Key": "a", "Content-Type": "application/json"}
        assert id_of(client.post("/api/state_mean", data=text, headers=headers)) == "job_id_1"


@pytest.mark.parametrize(("path", "body"), [("/api/states_mean", BODY), (PATH, {"question": "Q036"})])
def test_the_same_key_with_another_request_is_refused(client: FlaskClient, path: str, body: object) -> None:
    send(client, "a")
    assert "send a new key with a new request" in assert_error(send(client, "a", path, body), 422)
    assert accepted(client) == 1


def test_other_keys_and_none_make_other_jobs(client: FlaskClient) -> None:
    answers = [send(client, "a"), send(client, "A"), *(client.post(PATH, json=BODY) for _ in range(2))]
    assert [id_of(answer) for answer in answers] == ["job_id_1", "job_id_2", "job_id_3", "job_id_4"]


@pytest.mark.parametrize("key", ["", "a b", "a\tb", "x" * 256, "\u00e9", "\x7f"])
def test_a_key_that_cannot_be_kept_is_refused(client: FlaskClient, key: str) -> None:
    assert "1 to 255 visible ASCII characters" in assert_error(send(client, key), 400)
    assert accepted(client) == 0


@pytest.mark.parametrize("key", ["!", "~" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "a,b=c;d"])
def test_every_other_key_is_taken(client: FlaskClient, key: str) -> None:
    assert id_of(send(client, key)) == id_of(send(client, key)) == "job_id_1"


@pytest.mark.parametrize("body", [{"question": "Q999"}, {"question": ""}, [[["deep"]]]])
def test_a_refused_body_reserves_no_key(client: FlaskClient, body: object) -> None:
    assert_error(send(client, "a", body=body), 400)
    assert id_of(send(client, "a")) == "job_id_1"


def test_a_body_that_is_too_deep_to_be_written_again_is_refused_like_any(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "a", "Content-Type": "application/json"}
    assert_error(client.post(PATH, data="[" * 500 + "]" * 500, headers=headers), 400)


def test_a_full_queue_reserves_no_key_and_hides_no_job(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(client, "kept")
    with monkeypatch.context() as patch:
        patch.setattr(services.pool._queue, "_size", 0)
        assert_error(send(client, "a"), 503)
        assert id_of(send(client, "kept")) == "job_id_1"
    assert id_of(send(client, "a")) == "job_id_2"


def test_what_cannot_be_recorded_reserves_no_key(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(file: int, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", no_space)
        assert_error(send(client, "a"), 503)
    assert id_of(send(client, "a")) == "job_id_1"
    assert accepted(client) == 1


def test_a_key_is_answered_after_a_shutdown_too(client: FlaskClient) -> None:
    send(client, "a")
    client.post("/api/graceful_shutdown")
    assert id_of(send(client, "a")) == "job_id_1"
    assert_error(send(client, "b"), 503)


def test_those_who_come_with_one_key_at_the_same_moment_get_one_job(app: Flask) -> None:
    start = threading.Barrier(SENDERS)
    seen: list[tuple[int, str]] = []

    def send_all() -> None:
        client = app.test_client()
        for number in range(ROUNDS):
            start.wait()
            seen.append((number, id_of(send(client, f"key-{number}"))))

    senders = [threading.Thread(target=send_all) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len(seen) == SENDERS * ROUNDS
    assert len(set(seen)) == len({job_id for _, job_id in seen}) == ROUNDS
    assert accepted(app.test_client()) == ROUNDS


def test_a_key_is_forgotten_with_its_job(client: FlaskClient) -> None:
    send(client, "a")
    client.get("/api/get_results/job_id_1?wait=10")
    assert client.delete("/api/jobs/job_id_1").status_code == 200
    assert id_of(send(client, "a", "/api/states_mean")) == "job_id_2"


@pytest.mark.parametrize("journal_lost", [False, True])
def test_keys_survive_a_restart(start_app: Callable[[Settings], Flask], settings: Settings, journal_lost: bool) -> None:
    first = start_app(settings)
    send(first.test_client(), "a")
    send(first.test_client(), "b", "/api/states_mean")
    if journal_lost:  # it is written anew from memory
        (settings.results_dir / "journal.jsonl").unlink()
    assert first.extensions["services"].close()
    client = start_app(settings).test_client()
    assert id_of(send(client, "b", "/api/states_mean")) == "job_id_2"
    assert id_of(send(client, "a")) == "job_id_1"
    assert_error(send(client, "a", "/api/states_mean"), 422)
    assert id_of(send(client, "c")) == "job_id_3"


# In the store


def accept(store: JobStore, submission: Submission) -> Job:
    """Accept a job that came with a key, and that nobody runs."""
    return store.accept([(replace(echo_request(), submission=submission), lambda: done_document({}))])[0]


def accept_all(store: JobStore, text: str, jobs: int) -> list[Job]:
    return [accept(store, Submission(text, "print", place, jobs)) for place in range(jobs)]


def finish(store: JobStore, job: Job) -> None:
    assert store.map.claim(job)
    store.finish(job, done_document({}))


def numbers(store: JobStore, text: str) -> list[int]:
    return [job.number for job in store.keys.jobs_of(Submission(text, "print"))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "results"


def test_a_key_of_many_jobs_is_forgotten_with_the_first_that_is_removed(folder: Path) -> None:
    store = make_store(folder)
    accept_all(store, "a", 3)
    assert numbers(store, "a") == numbers(make_store(folder), "a") == [1, 2, 3]
    finish(store, store.map.find("job_id_2"))
    store.cancel("job_id_2")
    store.flush()
    assert numbers(store, "a") == numbers(make_store(folder), "a") == []
    accept_all(store, "a", 3)
    assert numbers(store, "a") == numbers(make_store(folder), "a") == [4, 5, 6]
    finish(store, store.map.find("job_id_1"))
    store.cancel("job_id_1")  # of the earlier submission under that key
    assert numbers(store, "a") == [4, 5, 6]


def test_the_retention_rule_forgets_keys_and_compaction_keeps_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.job_store.SPARE_JOURNAL_LINES", 0)
    store = make_store(folder, retention=Retention(jobs=2, seconds=1e9))
    for number in range(1, 31):
        finish(store, accept(store, Submission(f"key-{number}", "print")))
    store.flush()  # deletes the files of the removed jobs
    store.flush()  # compacts what their removal left
    assert len((folder / "journal.jsonl").read_bytes().splitlines()) < 20
    for kept in (store, make_store(folder)):
        assert [numbers(kept, f"key-{number}") for number in (28, 29, 30)] == [[], [29], [30]]


def test_another_fingerprint_is_another_request(folder: Path) -> None:
    store = make_store(folder)
    accept(store, Submission("a", "print"))
    with pytest.raises(KeyReusedError):
        store.keys.jobs_of(Submission("a", "another"))
