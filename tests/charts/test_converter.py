"""The converter: pictures, the page's script, and the life of its process."""

import re
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.charts import chart_of
from app.charts import converter as module
from app.charts.converter import Converter
from app.errors import ConverterExitedError, PictureError, PictureTimeoutError, ShuttingDownError
from app.settings import Settings
from support.chart_documents import ABOUT, STATES, done

PNG_START = b"\x89PNG\r\n\x1a\n"
MANY = 8
EXIT_SECONDS = 30


@pytest.fixture(scope="module")
def shared() -> Iterator[Converter]:
    """One converter for the tests that leave its process alone."""
    converter = Converter()
    yield converter
    converter.close()


@pytest.fixture
def converter() -> Iterator[Converter]:
    """A converter whose process a test may kill or replace."""
    converter = Converter()
    yield converter
    converter.close()


def hanging_program(folder: Path) -> Path:
    """Write a program that reads its input and never replies, and return its path."""
    path = folder / "program.py"
    path.write_text("import sys; sys.stdin.read()")
    return path


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return chart_of("states_mean", done(STATES), ABOUT)


def test_a_png_has_two_pixels_for_each_pixel_of_the_svg(shared: Converter, spec: dict[str, Any]) -> None:
    svg, png = shared.picture(spec, "svg"), shared.picture(spec, "png")
    assert svg.startswith(b"<svg")
    assert png.startswith(PNG_START)
    width, height = struct.unpack(">II", png[16:24])
    head = svg.partition(b">")[0].decode()
    assert f'width="{width // 2}"' in head
    assert f'height="{height // 2}"' in head
    assert width == 2 * 640


def test_concurrent_threads_each_get_their_own_picture(shared: Converter) -> None:
    pictures: dict[int, bytes] = {}
    specs = {number: chart_of("state_mean", done({f"Place {number}": 1.0}), ABOUT) for number in range(MANY)}

    def render(number: int) -> None:
        pictures[number] = shared.picture(specs[number], "svg")

    threads = [threading.Thread(target=render, args=(number,)) for number in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [number for number in specs if re.search(rf"\bPlace {number}\b".encode(), pictures[number])] == list(specs)


def test_an_invalid_chart_is_an_error_and_the_process_goes_on(shared: Converter, spec: dict[str, Any]) -> None:
    with pytest.raises(PictureError, match="cannot be rendered"):
        shared.picture({"mark": "nonsense"}, "svg")
    assert shared.picture(spec, "svg").startswith(b"<svg")


def test_a_killed_process_is_replaced(converter: Converter, spec: dict[str, Any]) -> None:
    first = converter.picture(spec, "svg")
    process = converter._process
    assert process is not None
    process.kill()
    process.wait()
    assert converter.picture(spec, "svg") == first


def test_a_closed_converter_starts_no_process(converter: Converter, spec: dict[str, Any]) -> None:
    converter.picture(spec, "svg")
    converter.close()
    with pytest.raises(ShuttingDownError):
        converter.picture(spec, "svg")
    assert converter._process is None


def test_the_process_exits_when_its_input_ends() -> None:
    process = module._start()
    process.communicate(timeout=EXIT_SECONDS)
    assert process.returncode == 0


def test_an_idle_process_exits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    impatient = module.PROGRAM.read_text().replace("IDLE_SECONDS = 60.0", "IDLE_SECONDS = 0.0")
    monkeypatch.setattr(module, "PROGRAM", tmp_path / "converter.py")
    module.PROGRAM.write_text(impatient)
    process = module._start()
    assert process.wait(timeout=EXIT_SECONDS) == 0  # while its input is still open
    process.communicate()


@pytest.mark.parametrize("program", ["", 'print(\'{"length": 5, "failed": false}\')'])
def test_a_process_that_exits_or_truncates_its_reply_is_an_error(
    converter: Converter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str
) -> None:
    monkeypatch.setattr(module, "PROGRAM", tmp_path / "program.py")
    module.PROGRAM.write_text(program)
    with pytest.raises(ConverterExitedError, match="exited early"):
        converter.picture({}, "svg")
    assert converter._process is None


def test_a_process_that_hangs_is_ended_after_the_time_limit_and_replaced(
    converter: Converter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spec: dict[str, Any]
) -> None:
    program = module.PROGRAM
    monkeypatch.setattr(module, "PROGRAM", hanging_program(tmp_path))
    monkeypatch.setattr(module, "TIMEOUT_SECONDS", 0.5)
    with pytest.raises(PictureTimeoutError, match=r"within 0\.5 s"):
        converter.picture({}, "svg")
    assert converter._process is None
    monkeypatch.undo()
    assert program == module.PROGRAM
    assert converter.picture(spec, "svg").startswith(b"<svg")


def test_closing_ends_a_process_in_the_middle_of_a_request(
    converter: Converter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "PROGRAM", hanging_program(tmp_path))
    with ThreadPoolExecutor() as callers:
        answer = callers.submit(converter.picture, {}, "svg")
        while converter._process is None:
            time.sleep(0.01)
        process = converter._process
        converter.close()
        assert isinstance(answer.exception(timeout=EXIT_SECONDS), ShuttingDownError)
    assert process.poll() is not None


def test_a_request_that_hangs_ends_with_the_process_after_the_server_was_killed(tmp_path: Path) -> None:
    program = tmp_path / "converter.py"
    hanging = 'RENDERERS["svg"] = lambda _: __import__("time").sleep(1000)\nREQUEST_SECONDS = 1\nif __name__ =='
    program.write_text(module.PROGRAM.read_text().replace("if __name__ ==", hanging))
    command = [sys.executable, "-P", str(program)]
    ended = subprocess.run(
        command, input=b'{"format": "svg", "spec": null}\n', timeout=EXIT_SECONDS, check=False, capture_output=True
    )
    assert ended.returncode == -signal.SIGALRM


def test_the_page_script_is_built_once(shared: Converter) -> None:
    script = shared.page_script()
    assert script is shared.page_script()
    assert b"window.drawChart" in script
    assert len(script) > 500_000


def test_each_application_has_its_own_converter_and_stops_it_when_it_closes(
    start_app: Callable[[Settings], Flask], settings: Settings, tmp_path: Path, spec: dict[str, Any]
) -> None:
    first = start_app(settings).extensions["services"]
    second = start_app(settings.model_copy(update={"results_dir": tmp_path / "other"})).extensions["services"]
    for services in (first, second):
        services.pictures.converter.picture(spec, "svg")
    processes = [services.pictures.converter._process for services in (first, second)]
    first.close()
    assert [process.poll() is None for process in processes] == [False, True]
