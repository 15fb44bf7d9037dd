"""Which threads run on the one core, and which beside it."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from flask import Flask

from app.process.cores import CORES, ONE_CORE, OTHER_CORES, placed

T = TypeVar("T")


def cores() -> frozenset[int]:
    """Return the cores that this thread may use."""
    return frozenset(os.sched_getaffinity(0))


def in_a_new_thread(function: Callable[[], T]) -> T:
    """Call a function in a thread that ends with it."""
    with ThreadPoolExecutor(1) as aside:
        return aside.submit(function).result()


def app_that_tells_its_cores() -> Flask:
    """Return an application that answers with the cores of the thread that it is called on."""
    app = Flask(__name__)
    app.config["made on"] = cores()
    app.add_url_rule("/", "cores", lambda: sorted(cores()))
    return app


def test_the_cores_are_shared_out() -> None:
    assert len(ONE_CORE) == 1
    assert ONE_CORE | OTHER_CORES == CORES
    assert len(CORES) == 1 or not ONE_CORE & OTHER_CORES


def test_an_application_is_made_on_the_one_core_and_the_others_are_left_to_the_server() -> None:
    app, afterwards = in_a_new_thread(lambda: (placed(app_that_tells_its_cores)(), cores()))
    assert app.config["made on"] == ONE_CORE
    assert afterwards == OTHER_CORES


@pytest.mark.parametrize("times", [1, 2])
def test_a_thread_that_answers_comes_to_the_one_core(times: int) -> None:
    app = in_a_new_thread(placed(app_that_tells_its_cores))

    def answers() -> list[list[int]]:
        assert cores() == CORES
        return [app.test_client().get("/").get_json() for _ in range(times)]

    assert in_a_new_thread(answers) == [sorted(ONE_CORE)] * times
    assert in_a_new_thread(answers) == [sorted(ONE_CORE)] * times  # each thread is brought there, not only the first
