"""Batches of log lines: a line that cannot be formatted or written does not lose another."""

from pathlib import Path

import pytest

from app.logger_config import configure_logging
from app.settings import Settings


def test_a_line_that_cannot_be_formatted_says_so_and_loses_no_other(tmp_path: Path) -> None:
    log = configure_logging(Settings(log_file=tmp_path / "webserver.log"))
    log.info("first")
    log.info("%d jobs", "no number")
    log.info("last")
    log.close()
    lines = (tmp_path / "webserver.log").read_text().splitlines()
    assert [line.split("] ")[1].partition(":")[0] for line in lines] == ["first", "a line cannot be formatted", "last"]


def test_a_log_that_cannot_be_written_is_reported_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    log = configure_logging(Settings(log_file=Path("/dev/full")))
    log.info("lost")
    log.close()
    assert "1 lines of the log are lost" in capfd.readouterr().err
