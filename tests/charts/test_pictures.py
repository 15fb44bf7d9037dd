"""Pictures and the script of the page: the process that draws, and what becomes of it."""

import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.charts import chart_of, pictures
from app.charts.pictures import Converter
from app.errors import PictureError
from support.chart_documents import ABOUT, STATES, done

PNG_START = b"\x89PNG\r\n\x1a\n"
MANY = 8
END_SECONDS = 30


@pytest.fixture(scope="module")
def shared() -> Iterator[Converter]:
    """A process that draws for several tests."""
    converter = Converter()
    yield converter
    converter.close()


@pytest.fixture
def converter() -> Iterator[Converter]:
    """One that a test may do anything to."""
    own = Converter()
    yield own
    own.close()


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return chart_of("states_mean", done(STATES), ABOUT)


def test_a_png_has_two_pixels_for_each_of_the_svg(shared: Converter, spec: dict[str, Any]) -> None:
    svg, png = shared.picture(spec, "svg"), shared.picture(spec, "png")
    assert svg.startswith(b"<svg")
    assert png.startswith(PNG_START)
    width, height = struct.unpack(">II", png[16:24])
    head = svg.partition(b">")[0].decode()
    assert f'width="{width // 2}"' in head
    assert f'height="{height // 2}"' in head
    assert width == 2 * 640


def test_threads_may_ask_at_once_and_each_gets_its_own(shared: Converter) -> None:
    found: dict[int, bytes] = {}
    specs = {number: chart_of("state_mean", done({f"Place {number}": 1.0}), ABOUT) for number in range(MANY)}

    def ask(number: int) -> None:
        found[number] = shared.picture(specs[number], "svg")

    threads = [threading.Thread(target=ask, args=(number,)) for number in specs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [number for number in specs if f"Mean of Place {number}<".encode() in found[number]] == list(specs)


def test_what_is_no_chart_is_told_and_harms_nobody_else(shared: Converter, spec: dict[str, Any]) -> None:
    with pytest.raises(PictureError, match="cannot be drawn"):
        shared.picture({"mark": "nonsense"}, "svg")
    assert shared.picture(spec, "svg").startswith(b"<svg")


def test_the_process_is_started_again_after_its_end(converter: Converter, spec: dict[str, Any]) -> None:
    first = converter.picture(spec, "svg")
    process = converter._process
    assert process is not None
    process.kill()
    process.wait()
    assert converter.picture(spec, "svg") == first
    converter.close()
    assert converter.picture(spec, "svg") == first


def test_the_process_ends_with_its_input() -> None:
    process = pictures._start()
    process.communicate(timeout=END_SECONDS)
    assert process.returncode == 0


def test_the_process_ends_where_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    impatient = pictures.CONVERTER_FILE.read_text().replace("IDLE_SECONDS = 60.0", "IDLE_SECONDS = 0.0")
    monkeypatch.setattr(pictures, "CONVERTER_FILE", tmp_path / "converter.py")
    pictures.CONVERTER_FILE.write_text(impatient)
    process = pictures._start()
    assert process.wait(timeout=END_SECONDS) == 0  # while its input is still open
    process.communicate()


@pytest.mark.parametrize("program", ["", "import sys; sys.stdin.read()", 'print(\'{"length": 5, "failed": false}\')'])
def test_a_program_that_ends_hangs_or_breaks_off_is_told(
    converter: Converter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str
) -> None:
    monkeypatch.setattr(pictures, "CONVERTER_FILE", tmp_path / "program.py")
    monkeypatch.setattr(pictures, "LONGEST_SECONDS", 0.5)
    pictures.CONVERTER_FILE.write_text(program)
    with pytest.raises(PictureError, match="ended early"):
        converter.picture({}, "svg")
    assert converter._process is None


def test_the_script_of_the_page_is_made_once(shared: Converter) -> None:
    script = shared.page_script()
    assert script is shared.page_script()
    assert b"window.drawChart" in script
    assert len(script) > 500_000
