"""The log on standard output: complete, whatever standard output is."""

import subprocess
import sys
from pathlib import Path

import pytest
import requests

from support.real_server import PROJECT_ROOT, running_server

LOGGING = """
import logging, sys
from pathlib import Path
from app.logger_config import configure_logging
from app.settings import Settings
log = configure_logging(Settings(log_file=Path(sys.argv[1])))
for number in range(5000):
    logging.getLogger("app").info("line %d \u2265", number)
log.close()
"""


def log_command(log_file: str) -> list[str]:
    """Return a command that logs 5,000 lines."""
    return [sys.executable, "-c", LOGGING, log_file]


@pytest.mark.parametrize("log_file", ["-", "/dev/stdout"])
def test_no_line_is_lost_in_a_pipe(log_file: str) -> None:
    command = log_command(log_file)
    ended = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, check=True, env={"LC_ALL": "POSIX"})
    assert ended.stderr == b""
    assert [int(line.split()[-2]) for line in ended.stdout.decode().splitlines()] == list(range(5000))


def test_no_line_is_lost_in_a_redirection_to_a_file(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as output:
        subprocess.run(log_command("-"), cwd=PROJECT_ROOT, stdout=output, check=True)
    assert len((tmp_path / "log").read_bytes().splitlines()) == 5000
    assert not (PROJECT_ROOT / "-").exists()


def test_a_server_logs_its_requests_to_standard_output() -> None:
    with running_server({"STATS_LOG_FILE": "-"}) as server:
        request_id = requests.get(f"{server.address}/healthz", timeout=10).headers["X-Request-Id"]
        assert server.stop() == 0
        lines = [line for line in server.output().splitlines() if f" 127.0.0.1 {request_id}] " in line]
    assert [line.split("] ")[1].split()[0] for line in lines] == ["enter", "leave"]
