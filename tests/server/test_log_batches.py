"""Batches of log lines: a line that cannot be formatted or written does not lose another."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from app import log_batches, logger_config
from app.log_batches import MOST_QUEUED_LINES, RotatingFile
from app.logger_config import Log, configure_logging
from app.settings import Settings
from support.real_server import PROJECT_ROOT

BROKEN = OSError(28, "No space left on device")

CLOSING_WITH_A_STUCK_PIPE = """
import os, sys
from pathlib import Path
from app import log_batches
from app.logger_config import configure_logging
from app.settings import Settings
log_batches.CLOSE_SECONDS = 0.5
log = configure_logging(Settings(log_file=Path("-")))
for number in range(5000):
    log.info("line %d", number)
log.close()
os._exit(0)
"""


class BreakingFile(RotatingFile):
    """A log file that cannot be written while it is broken."""

    broken = threading.Event()
    tried = threading.Event()

    def write(self, lines: deque[bytes]) -> None:
        """Write the lines, unless the file is broken."""
        self.tried.set()
        if self.broken.is_set():
            raise BROKEN
        super().write(lines)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "webserver.log"


@pytest.fixture
def breaking(path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    """A log that is broken until ``BreakingFile.broken`` is cleared."""
    monkeypatch.setattr(logger_config, "RotatingFile", BreakingFile)
    BreakingFile.broken.set()
    BreakingFile.tried.clear()
    return configure_logging(Settings(log_file=path))


def messages(path: Path) -> list[str]:
    """Return the messages of a log file."""
    return [line.split("] ", 1)[1] for line in path.read_text().splitlines()]


def test_a_line_that_cannot_be_formatted_says_so_and_loses_no_other(path: Path) -> None:
    log = configure_logging(Settings(log_file=path))
    log.info("first")
    log.info("%d jobs", "no number")
    log.info("last")
    log.close()
    assert [text.partition(":")[0] for text in messages(path)] == ["first", "a line cannot be formatted", "last"]


def test_a_log_that_cannot_be_written_is_reported_on_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    log = configure_logging(Settings(log_file=Path("/dev/full")))
    log.info("lost")
    log.close()
    assert "1 lines of the log are lost: [Errno 28]" in capfd.readouterr().err


def test_lines_wait_while_the_log_cannot_be_written(
    breaking: Log, path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    breaking.info("first")
    assert BreakingFile.tried.wait(10)
    breaking.info("second")
    BreakingFile.broken.clear()
    breaking.close()
    assert messages(path) == ["first", "second"]
    assert capfd.readouterr().err.count("the log cannot be written") == 1


def test_a_full_queue_drops_lines_and_counts_them(breaking: Log, path: Path) -> None:
    counted: list[int] = []
    breaking.on_dropped(counted.append)
    breaking.info("first")
    assert BreakingFile.tried.wait(10)
    handler = next(h for h in logging.getLogger("app").handlers if isinstance(h, log_batches.BatchHandler))
    while not handler._unwritten:
        pass
    for number in range(MOST_QUEUED_LINES + 500):
        breaking.info("line %d", number)
    assert sum(counted) == 500
    BreakingFile.broken.clear()
    breaking.close()
    written = messages(path)
    assert written == [
        "first",
        *(f"line {n}" for n in range(MOST_QUEUED_LINES)),
        "500 lines of the log were dropped here",
    ]


def test_standard_error_that_cannot_be_written_does_not_end_the_log(
    breaking: Log, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        def write(self, text: str) -> int:
            raise BROKEN

    monkeypatch.setattr(sys, "stderr", Broken())
    breaking.info("first")
    assert BreakingFile.tried.wait(10)
    BreakingFile.broken.clear()
    breaking.info("second")
    breaking.close()
    assert messages(path) == ["first", "second"]


def test_a_line_written_in_part_is_completed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system_write = os.write
    failures = iter([False, True, False, True])

    def write_three_bytes(descriptor: int, content: bytes) -> int:
        if next(failures, False):
            raise BROKEN
        return system_write(descriptor, content[:3])

    monkeypatch.setattr(os, "write", write_three_bytes)
    file, lines = RotatingFile(path, 8, 2), deque([b"one\n", b"two\n", b"three\n"])
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            file.write(lines)
    file.write(lines)
    file.close()
    assert [found.read_text() for found in sorted(path.parent.iterdir())] == ["three\n", "one\ntwo\n"]


def test_the_rest_of_a_line_does_not_begin_a_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_three_bytes(descriptor: int, content: bytes) -> int:
        if path.stat().st_size:
            raise BROKEN
        return system_write(descriptor, content[:3])

    system_write = os.write
    monkeypatch.setattr(os, "write", write_three_bytes)
    file, lines = RotatingFile(path, 1000, 2), deque([b"first\n", b"second\n"])
    with pytest.raises(OSError, match="No space"):
        file.write(lines)
    monkeypatch.undo()
    path.rename(f"{path}.moved")
    file.write(lines)
    file.close()
    assert path.read_text() == "second\n"


def test_a_log_that_cannot_be_rotated_grows_and_says_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(logger_config, "MAX_FILE_BYTES", 1000)
    monkeypatch.setattr(Path, "replace", refuse)
    log = configure_logging(Settings(log_file=path))
    for number in range(100):
        log.info("line %d", number)
    while "cannot be rotated" not in path.read_text():
        time.sleep(0.01)
    log.close()
    written = messages(path)
    assert [text for text in written if text.startswith("line")] == [f"line {number}" for number in range(100)]
    assert [text for text in written if "cannot be rotated" in text] == [
        "the log cannot be rotated and grows: [Errno 13] Permission denied"
    ]


def test_the_log_is_readable_by_its_group_at_most(path: Path) -> None:
    configure_logging(Settings(log_file=path)).close()
    assert path.stat().st_mode & 0o777 == 0o640 & ~current_umask()


def current_umask() -> int:
    """Return the umask of this process."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_closing_does_not_wait_for_a_pipe_that_nobody_reads() -> None:
    reader, writer = os.pipe()
    command = [sys.executable, "-c", CLOSING_WITH_A_STUCK_PIPE]
    try:
        ended = subprocess.run(command, cwd=PROJECT_ROOT, stdout=writer, stderr=subprocess.PIPE, check=True, timeout=30)
    finally:
        os.close(writer)
        os.close(reader)
    assert b"lines of the log are lost: nothing takes them" in ended.stderr
