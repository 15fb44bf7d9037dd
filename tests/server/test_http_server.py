"""What the HTTP server's overrides rely on in Granian, and when a worker is replaced."""

import inspect

import pytest
from granian.server.common import AbstractServer, AbstractWorker
from granian.server.mp import MPServer, WorkerProcess

from app.process.respawn import (
    LONGEST_PAUSE_SECONDS,
    MOST_SHORT_LIVES,
    SHORT_LIFE_SECONDS,
    Respawns,
)


def test_granian_still_has_the_methods_that_are_overridden_and_calls_them() -> None:
    startup, loop = inspect.getsource(AbstractServer.startup), inspect.getsource(AbstractServer._serve_loop)
    assert "self._init_shared_socket()" in startup
    assert "self._respawn_workers(workers, spawn_target, target_loader)" in loop
    shutdown = inspect.getsource(AbstractServer.shutdown)
    assert shutdown.index("self._drop_shared_socket()") < shutdown.index("self._stop_workers()")


def test_granian_still_has_the_fields_that_the_overrides_use() -> None:
    assert "((self._ssp, self._shd), self._sso)" in inspect.getsource(MPServer._spawn_worker)
    assert "self.respawned_wrks.get(idx, 0) <= 5.5" in inspect.getsource(AbstractServer._serve_loop)
    assert "self.birth = time.monotonic()" in inspect.getsource(AbstractWorker.__init__)
    assert "self.inner = multiprocessing" in inspect.getsource(WorkerProcess._spawn)


def pauses(*lives: float) -> list[float | None]:
    """Return the pause after each of several lives."""
    respawns = Respawns()
    return [respawns.pause_after(life) for life in lives]


def test_a_worker_that_had_lived_is_replaced_immediately() -> None:
    assert pauses(*[SHORT_LIFE_SECONDS] * 50) == [0.0] * 50


def test_workers_that_die_at_once_wait_longer_and_longer_and_then_no_more_is_started() -> None:
    found = pauses(*[0.0] * MOST_SHORT_LIVES)
    assert found[:5] == [0.0, 0.2, 0.4, 0.8, 1.6]
    assert found[-3:] == [LONGEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, None]


@pytest.mark.parametrize("short_lives", range(MOST_SHORT_LIVES))
def test_one_worker_that_lives_starts_the_count_again(short_lives: int) -> None:
    found = pauses(*[0.0] * short_lives, SHORT_LIFE_SECONDS, *[0.0] * (MOST_SHORT_LIVES - 1))
    assert None not in found
