"""Application threads are pinned to one core, the HTTP server's threads to the others."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import pytest
from flask import Flask

from app.process.cores import CORES, ONE_CORE, OTHER_CORES, create_on_one_core

T = TypeVar("T")


def cores() -> frozenset[int]:
    """Return the cores that this thread may use."""
    return frozenset(os.sched_getaffinity(0))


def in_a_new_thread(function: Callable[[], T]) -> T:
    """Call a function in a thread that ends with it."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function).result()


def app_that_reports_its_cores() -> Flask:
    """Return an application whose response is the cores of the calling thread."""
    app = Flask(__name__)
    app.config["created on"] = cores()
    app.add_url_rule("/", "cores", lambda: sorted(cores()))
    return app


def test_one_core_and_the_other_cores_are_disjoint() -> None:
    assert len(ONE_CORE) == 1
    assert ONE_CORE | OTHER_CORES == CORES
    assert len(CORES) == 1 or not ONE_CORE & OTHER_CORES


def test_the_application_is_created_on_one_core_and_the_server_gets_the_others() -> None:
    app, afterwards = in_a_new_thread(lambda: (create_on_one_core(app_that_reports_its_cores), cores()))
    assert app.config["created on"] == ONE_CORE
    assert afterwards == OTHER_CORES


@pytest.mark.parametrize("times", [1, 2])
def test_a_thread_that_calls_the_application_is_pinned(times: int) -> None:
    app = in_a_new_thread(partial(create_on_one_core, app_that_reports_its_cores))

    def responses() -> list[list[int]]:
        assert cores() == CORES
        return [app.test_client().get("/").get_json() for _ in range(times)]

    assert in_a_new_thread(responses) == [sorted(ONE_CORE)] * times
    assert in_a_new_thread(responses) == [sorted(ONE_CORE)] * times  # each thread is pinned, not only the first
