"""Lines that are written together: one that cannot be made or written harms no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.logger_config import close_logging, configure_logging, log_line
from app.settings import Settings


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[Path]:
    """The file of a log that ends with the test."""
    path = tmp_path / "webserver.log"
    configure_logging(Settings(log_file=path))
    yield path
    close_logging()


def test_a_line_that_cannot_be_made_says_so_and_costs_no_other(log_file: Path) -> None:
    log_line("first")
    log_line("%d jobs", "no number")
    log_line("last")
    close_logging()
    lines = log_file.read_text().splitlines()
    assert [line.split("] ")[1].partition(":")[0] for line in lines] == [
        "first",
        "a line cannot be made",
        "last",
    ]


def test_a_log_that_cannot_be_written_is_told_of_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_file=Path("/dev/full")))
    log_line("nowhere to go")
    close_logging()
    assert "1 lines of the log are lost" in capfd.readouterr().err


def test_without_a_log_a_line_goes_nowhere(log_file: Path) -> None:
    close_logging()
    log_line("unheard")
    assert log_file.read_text() == ""
