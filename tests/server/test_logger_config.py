"""The log has whole lines with UTC timestamps, cannot be forged by clients, and loses nothing at shutdown."""

import io
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from app import logger_config
from app.jobs.job import done_document, job_request
from app.log_batches import BatchHandler
from app.logger_config import LOGGER_NAME, OLD_FILES_KEPT, OneLineFormatter, configure_logging
from app.services import Services
from app.settings import Settings
from support.small_survey import OBESITY

Start = Callable[[], logging.Logger]
SetZone = Callable[[str], None]

LINE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z ([A-Z]+) \[([^]]+)\] (.*)")
FORGED = "2020-01-01T00:00:00.000Z INFO [MainThread] job_id_1 done"
LINE_ENDS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
# Controls, bidirectional controls, characters without width, and half a surrogate pair.
DISGUISES = list(
    "\x00\x08\x1b\x7f\x9b\u061c\u200e\u200f\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069"
    "\u00ad\u180e\u200b\u200d\u2060\ufeff\ufff9\U000e0041\ud800"
)
ORDINARY = ["Ohio", "Québec", "Curaçao", "Ελλάδα", "Казань", "東京", "서울", "القاهرة", "≥65", "$15,000 - $24,999", "~"]


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "webserver.log"


@pytest.fixture
def start(log_file: Path) -> Iterator[Start]:
    """A function that starts the log; the log is closed after the test."""

    def start_log() -> logging.Logger:
        configure_logging(Settings(log_file=log_file))
        return logging.getLogger(LOGGER_NAME)

    yield start_log
    close_logs()


@pytest.fixture
def set_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[SetZone]:
    """A function that sets the process's time zone during the test."""

    def set_to(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield set_to
    monkeypatch.undo()
    time.tzset()


def open_logs() -> list[logging.Handler]:
    """Return the handlers of the open logs; pytest adds handlers of its own."""
    return [handler for handler in logging.getLogger(LOGGER_NAME).handlers if isinstance(handler, BatchHandler)]


def close_logs() -> None:
    """Close every open log."""
    for handler in open_logs():
        logging.getLogger(LOGGER_NAME).removeHandler(handler)
        handler.close()


def written(path: Path) -> list[str]:
    """Close the log and return its lines, split at every character that a reader may take for a line end."""
    close_logs()
    return path.read_bytes().decode().splitlines()


def formatted(message: str, error: BaseException | None = None) -> list[str]:
    """Return the lines of a formatted record."""
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("app.tests", logging.INFO, __file__, 1, "%s", (message,), exc_info)
    return OneLineFormatter().format(record).splitlines()


def raised(error: BaseException) -> BaseException:
    """Return an error that has been raised from another one of the same text."""
    try:
        raise error from ValueError(*error.args)
    except type(error) as caught:
        return caught


def test_a_line_has_time_level_thread_and_message(start: Start, log_file: Path) -> None:
    logger = start()
    arguments = ("%s ended in %.1f ms", "job_id_7", 12.34)
    runner = threading.Thread(target=logging.getLogger("app.task_runner").warning, args=arguments, name="TaskRunner-3")
    runner.start()
    runner.join()
    logger.debug("below the level")
    (line,) = written(log_file)
    match = LINE.fullmatch(line)
    assert match is not None
    assert match.groups()[1:] == ("WARNING", "TaskRunner-3", "job_id_7 ended in 12.3 ms")


@pytest.mark.parametrize("zone", ["UTC0", "EAST-14", "WEST+12", "HALF-5:30"])
def test_timestamps_are_utc_in_any_time_zone(start: Start, log_file: Path, set_zone: SetZone, zone: str) -> None:
    logger = start()
    set_zone(zone)
    before = datetime.now(UTC) - timedelta(milliseconds=1)  # the log cuts off what is below
    logger.info("now")
    after = datetime.now(UTC)
    match = LINE.fullmatch(written(log_file)[0])
    assert match is not None
    assert before <= datetime.fromisoformat(f"{match[1]}+00:00") <= after


def test_a_full_file_is_rotated_and_old_files_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logger_config, "MAX_FILE_BYTES", 1000)
    path = tmp_path / "webserver.log"
    log = configure_logging(Settings(log_file=path))
    for number in range(500):
        log.info("line %d", number)
    newest = written(path)
    files = {file.name for file in tmp_path.iterdir()}
    assert files == {path.name, *(f"{path.name}.{age}" for age in range(1, OLD_FILES_KEPT + 1))}
    older = [(tmp_path / f"{path.name}.{age}").read_text().splitlines() for age in range(OLD_FILES_KEPT, 0, -1)]
    numbers = [int(line.split()[-1]) for lines in [*older, newest] for line in lines]
    assert numbers == list(range(numbers[0], 500))
    assert all(file.stat().st_size <= 1000 for file in tmp_path.iterdir())


@pytest.mark.parametrize("end", LINE_ENDS, ids=ascii)
def test_a_line_end_in_a_message_or_in_an_error_starts_no_new_record(start: Start, log_file: Path, end: str) -> None:
    logger = start()
    logger.error("%s failed", f"x{end}{FORGED}{end}", exc_info=raised(RuntimeError(f"bad{end}{FORGED}{end}")))
    first, *traceback = written(log_file)
    assert LINE.fullmatch(first)
    assert first.isprintable()
    assert FORGED in first
    assert len([line for line in traceback if FORGED in line]) == 2
    assert [line for line in traceback if not line.startswith("    ")] == []


@pytest.mark.parametrize("disguise", DISGUISES, ids=ascii)
def test_a_character_that_disguises_a_line_is_written_as_an_escape(disguise: str) -> None:
    escape = disguise.encode("unicode_escape").decode()
    first, *traceback = formatted(f"a{disguise}b", raised(RuntimeError(f"a{disguise}b")))
    assert first.endswith(f"] a{escape}b")
    assert traceback[-1] == f"    RuntimeError: a{escape}b"


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_stays_readable(start: Start, log_file: Path, text: str) -> None:
    logger = start()
    logger.info("state %s", text)
    logger.error("failed", exc_info=raised(RuntimeError(text)))
    lines = written(log_file)
    assert lines[0].endswith(f"state {text}")
    assert lines[-1] == f"    RuntimeError: {text}"


@limits(deadline=None)
@given(text=st.text())
@example(text="%s %d %")
@example(text=f"\n{FORGED}\r{FORGED}\u2028{FORGED}")
def test_any_record_is_one_line_with_its_traceback_indented_below(text: str) -> None:
    first, *traceback = formatted(text, raised(RuntimeError(text)))
    assert LINE.fullmatch(first)
    assert traceback
    assert [line for line in traceback if not line.startswith("    ")] == []


def test_the_lines_of_a_group_of_errors_with_notes_are_indented() -> None:
    inner = ValueError(f"inner\n{FORGED}")
    inner.add_note(f"note\n{FORGED}")
    first, *traceback = formatted("failed", raised(ExceptionGroup(f"outer\n{FORGED}", [inner])))
    assert LINE.fullmatch(first)
    assert len([line for line in traceback if FORGED in line]) >= 3
    assert [line for line in traceback if not line.startswith("    ")] == []


def test_a_traceback_is_indented_though_another_handler_formats_first(start: Start, log_file: Path) -> None:
    logger = start()
    other = logging.StreamHandler(io.StringIO())
    logger.handlers.insert(0, other)
    logger.error("failed%s", "\n", exc_info=raised(RuntimeError(f"bad\n{FORGED}")))
    first, *traceback = written(log_file)
    assert LINE.fullmatch(first)
    assert [line for line in traceback if line.lstrip().startswith("Traceback (most recent call last)")]
    assert [line for line in traceback if not line.startswith("    ")] == []


def test_closing_writes_the_queued_lines(start: Start, log_file: Path) -> None:
    logger = start()
    for number in range(5000):
        logger.info("line %d", number)
    assert [int(line.split()[-1]) for line in written(log_file)] == list(range(5000))


def test_lines_of_many_threads_are_whole(start: Start, log_file: Path) -> None:
    logger = start()
    together = threading.Barrier(8)

    def log_many() -> None:
        together.wait()
        for number in range(200):
            logger.info("line %d of %s", number, "x" * 500)

    threads = [threading.Thread(target=log_many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = written(log_file)
    assert len(lines) == 1600
    assert all(LINE.fullmatch(line) and line.endswith("x" * 500) for line in lines)


def test_each_server_writes_its_own_lines_and_every_log_takes_the_records_of_modules(tmp_path: Path) -> None:
    first, second = (configure_logging(Settings(log_file=tmp_path / name)) for name in ("first", "second"))
    logging.getLogger("app.module").info("shared")
    first.info("one")
    second.info("two")
    first.close()
    second.info("three")
    second.close()
    lines = [[line.split()[-1] for line in (tmp_path / name).read_text().splitlines()] for name in ("first", "second")]
    assert lines == [["shared", "one"], ["shared", "two", "three"]]


def test_a_log_opened_again_appends(log_file: Path) -> None:
    for text in ("first", "second"):
        log = configure_logging(Settings(log_file=log_file))
        log.info(text)
        log.close()
    assert [line.split()[-1] for line in written(log_file)] == ["first", "second"]


def test_closing_twice_is_harmless_and_ends_the_thread(log_file: Path) -> None:
    threads_before = threading.active_count()
    log = configure_logging(Settings(log_file=log_file))
    assert threading.active_count() == threads_before + 1
    log.info("only")
    log.close()
    log.close()
    assert threading.active_count() == threads_before
    assert open_logs() == []
    assert len(written(log_file)) == 1


def test_nothing_reaches_the_loggers_above(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    logger = start()
    above = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(above)
    try:
        logger.error("only in the file")
    finally:
        logging.getLogger().removeHandler(above)
    close_logs()
    assert capfd.readouterr().err == ""
    assert logger.name == LOGGER_NAME


def test_a_log_that_cannot_be_opened_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="missing"):
        configure_logging(Settings(log_file=tmp_path / "missing" / "webserver.log"))
    assert open_logs() == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\x85"], ids=ascii)
def test_a_request_with_line_ends_leaves_one_line_on_entry_and_one_on_exit(
    client: FlaskClient, services: Services, log_file: Path, end: str
) -> None:
    injected = quote(f"{end}{FORGED}{end}")
    client.post(f"/api/x{injected}?y={injected}", data=f"{end}{FORGED}{end}", content_type="application/json")
    assert services.close()
    lines = written(log_file)
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    assert [line.split("] ")[1].split()[:2] for line in lines if "POST" in line] == [
        ["enter", "POST"],
        ["leave", "POST"],
    ]
    assert not [line for line in lines if line.startswith(FORGED)]


def test_a_request_is_logged_with_all_its_details(client: FlaskClient, services: Services, log_file: Path) -> None:
    body = f'{{"question":\n"{OBESITY}"}}'
    assert client.post("/api/global_mean?x=1", data=body, content_type="application/json").status_code == 200
    assert services.close()
    entered, left = (line for line in written(log_file) if "POST" in line)
    parameters = body.replace("\n", "\\n")
    assert entered.endswith(f" enter POST /api/global_mean x=1 {parameters}")
    assert re.search(r" leave POST /api/global_mean 200 \d+\.\d ms job_id_1$", left)


def test_the_life_of_every_job_is_logged_with_its_id(services: Services, log_file: Path) -> None:
    for name, data in (("first", {}), ("second", {}), ("broken", {"no JSON": object()})):
        services.pool.add_task(job_request(name, b"{}"), partial(done_document, data))
    assert services.close()
    messages = [re.sub(r"\d+\.\d ms", "_ ms", match[4]) for match in map(LINE.fullmatch, written(log_file)) if match]
    for number, (name, end) in enumerate((("first", "done"), ("second", "done"), ("broken", "error")), start=1):
        for event in (f"accepted: {name}", f"ended: {end} in _ ms"):
            assert messages.count(f"job_id_{number} {event}") == 1
