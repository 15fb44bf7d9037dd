"""One job has one answer for ever: the same bytes after reloads, lost files, restarts and kills, or 410."""

import itertools
import random
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import requests

from app.settings import BUNDLED_TABLE
from app.statistics import STATISTICS
from support.harm import TABLES, result_path
from support.load import scaled
from support.real_server import RealServer, running_server
from support.reloading import reload

JOBS = scaled(200, 2000)
VERSIONS = 5
FIGURES = ["Data_Value", "Low_Confidence_Limit", "High_Confidence_Limit"]
SHIFT = 0.3  # of every figure from one version to the next, in percent


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The bundled table in versions that differ in every figure."""
    table = pd.read_csv(BUNDLED_TABLE)
    figures = [name for name in table.columns if name in FIGURES or name == "High_Confidence_Limit "]
    paths = []
    for number in range(VERSIONS):
        paths.append(tmp_path_factory.mktemp("versions") / "table.csv")
        changed = table.assign(**{name: (table[name] + number * SHIFT).round(1) for name in figures})
        changed.to_csv(paths[-1], index=False)
    return paths


@pytest.fixture
def source(tmp_path: Path, versions: list[Path]) -> Path:
    """The file that the server reads, version 0 at first."""
    return Path(shutil.copy(versions[0], tmp_path / "table.csv"))


@pytest.fixture
def places(tmp_path: Path, source: Path) -> dict[str, str]:
    """Settings with a results folder that outlives a server."""
    return {"STATS_DATA": str(source), "STATS_RESULTS_DIR": str(tmp_path / "results")}


def use(server: RealServer, source: Path, version: Path) -> str:
    """Let a server read another version of its table; return the id."""
    other = source.with_suffix(".new")
    shutil.copy(version, other)
    other.replace(source)
    assert reload(server)["status"] == "done"
    return table_id(server)


def table_id(server: RealServer) -> str:
    """Return the id of the current table."""
    return str(requests.get(f"{server.address}/api/dataset", timeout=20).json()["data"]["table_id"])


def submit(server: RealServer, statistic: str, body: Mapping[str, object]) -> str:
    """Submit a job; return its id."""
    response = requests.post(f"{server.address}/api/{statistic}", json=body, timeout=20)
    assert response.status_code == 200, response.text
    return str(response.json()["job_id"])


def answer(server: RealServer, job_id: str) -> bytes:
    """Return the document of a job that is done."""
    response = requests.get(f"{server.address}/api/get_results/{job_id}?wait=30", timeout=40)
    assert response.status_code == 200, response.text
    assert response.json()["status"] == "done", response.text
    return response.content


def lose_results(places: Mapping[str, str]) -> None:
    """Delete every result file."""
    for path in Path(places["STATS_RESULTS_DIR"]).glob("job_id_*.json"):
        path.unlink()


def differences(server: RealServer, answers: Mapping[str, bytes]) -> list[str]:
    """Return the jobs whose documents are not the bytes that they were."""
    return [job_id for job_id, content in answers.items() if answer(server, job_id) != content]


def test_every_statistic_has_one_answer_through_reload_loss_restart_and_kill(
    places: dict[str, str], source: Path, versions: list[Path]
) -> None:
    with running_server(places) as server:
        answers = {}
        for name, statistic in STATISTICS.items():
            job_id = submit(server, name, statistic.example)
            answers[job_id] = answer(server, job_id)
        use(server, source, versions[1])
        assert differences(server, answers) == []
        lose_results(places)
        assert differences(server, answers) == []
        others = [submit(server, name, statistic.example) for name, statistic in STATISTICS.items()]
        assert not {answer(server, job_id) for job_id in others} & set(answers.values())
        lose_results(places)
        server.kill()
    for end in (RealServer.stop, RealServer.kill):
        with running_server(places) as server:
            assert differences(server, answers) == []
            lose_results(places)
            end(server)


def test_jobs_over_five_versions_under_load_keep_their_bytes(
    places: dict[str, str], source: Path, versions: list[Path]
) -> None:
    chance = random.Random(18)
    asked = itertools.cycle(STATISTICS.items())
    answers: dict[str, bytes] = {}
    with running_server(places) as server:
        ids = [table_id(server)]
        for number in range(VERSIONS):
            if number:
                ids.append(use(server, source, versions[number]))
            jobs = [submit(server, *_request(asked, chance, ids)) for _ in range(JOBS // VERSIONS)]
            if number % 2:
                lose_results(places)  # while some of them still wait
            answers |= {job_id: answer(server, job_id) for job_id in jobs}
        server.kill()
    lose_results(places)
    with running_server(places) as server:
        changed = differences(server, answers)
        print(f"\n{len(changed)} of {len(answers)} jobs over {VERSIONS} versions have another answer", end="")
        assert changed == []


def _request(
    asked: Iterator[tuple[str, object]], chance: random.Random, ids: list[str]
) -> tuple[str, dict[str, object]]:
    """Return the next request: over the current table, or over one of the versions so far."""
    name, statistic = next(asked)
    body = dict(statistic.example)  # type: ignore[attr-defined]
    return name, body | ({"table": chance.choice(ids)[: chance.choice((8, 12, 64))]} if chance.random() < 0.5 else {})


def test_an_earlier_version_answers_as_it_did(places: dict[str, str], source: Path, versions: list[Path]) -> None:
    body = {"question": "Q036", "locations": ["OH"], "years": [2021], "by": ["location"]}
    with running_server(places) as server:
        first, figures = table_id(server), server.ask("estimate", **body)
        served = datetime.now(UTC).isoformat()
        second = use(server, source, versions[1])
        assert first != second
        assert server.ask("estimate", **body) != figures
        for asked in ({"table": first}, {"table": first[:8]}, {"as_of": served}):
            assert server.ask("estimate", **body, **asked) == figures, asked
        assert server.ask("estimate", **body, as_of=served[:10]) == server.ask("estimate", **body, table=second)
        # The recorded request names the version by its id, so that it means the same for ever.
        job_id = submit(server, "estimate", {**body, "as_of": served})
        described = requests.get(f"{server.address}/api/jobs/{job_id}", timeout=20).json()["data"]
        assert described["body"]["table"] == first
        assert "as_of" not in described["body"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"table": "0" * 64}, "no version of the table has the id"),
        ({"table": "ohio"}, "must match"),
        ({"as_of": "2001-01-01"}, "before the first table of this server"),
        ({"as_of": "2999-01-01"}, "still ahead"),
        ({"as_of": "last week"}, "must be a date or a time"),
        ({"as_of": "2026-01-01", "table": "0" * 64}, "leave one of them out"),
    ],
)
def test_a_version_that_does_not_exist_is_an_error_by_name(
    shared_server: RealServer, asked: dict[str, str], reason: str
) -> None:
    url = f"{shared_server.address}/api"
    response = requests.post(f"{url}/best5", json={"question": "Q036", **asked}, timeout=20)
    assert response.status_code == 400
    assert reason in response.json()["reason"]
    batch = [{"statistic": "best5", "question": "Q036"}, {"statistic": "best5", "question": "Q036", **asked}]
    response = requests.post(f"{url}/batch", json=batch, timeout=20)
    assert response.status_code == 400
    assert "request 1: " in response.json()["reason"]


@pytest.fixture(scope="module")
def shared_server() -> Iterator[RealServer]:
    """A server on the bundled table."""
    with running_server() as server:
        yield server


def test_a_lost_result_over_a_lost_version_is_gone_and_no_other_figure_comes(
    places: dict[str, str], source: Path, versions: list[Path]
) -> None:
    with running_server(places) as server:
        first = table_id(server)
        jobs = [submit(server, name, statistic.example) for name, statistic in STATISTICS.items()]
        kept = {job_id: answer(server, job_id) for job_id in jobs}
        use(server, source, versions[1])
        assert server.stop() == 0
    results = Path(places["STATS_RESULTS_DIR"])
    (results / TABLES / f"{first}.parquet").unlink()
    lost = [job_id for job_id in jobs if int(job_id.rpartition("_")[2]) % 2]
    for job_id in lost:
        result_path(results, int(job_id.rpartition("_")[2])).unlink()
    with running_server(places) as server:
        for job_id in jobs:
            response = requests.get(f"{server.address}/api/get_results/{job_id}", timeout=20)
            if job_id in lost:
                assert response.status_code == 410
                assert "cannot be computed again" in response.json()["reason"]
            else:
                assert response.content == kept[job_id]
        response = requests.post(
            f"{server.address}/api/best5", json={"question": "Q036", "table": first[:12]}, timeout=20
        )
        assert response.status_code == 410
