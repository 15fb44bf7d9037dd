"""The examples of the client in both READMEs print what a server with the bundled table answers."""

import doctest
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest

from support.documents import section
from support.real_server import PROJECT_ROOT, running_server

CLIENT_FOLDER = PROJECT_ROOT / "client"
EXAMPLES = section("From the shell and from Python") + (CLIENT_FOLDER / "README.md").read_text(encoding="utf-8")
SHOWN_ADDRESS = "http://127.0.0.1:5000"
PROGRAM = "health-statistics"
LEFT_OUT = "…"  # stands for the rest of a line


@pytest.fixture(scope="module")
def server_address() -> Iterator[str]:
    """The address of a server with the bundled table, which both transcripts only ask."""
    with running_server() as server:
        yield server.address


def blocks(language: str) -> list[str]:
    """Return the blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", EXAMPLES, re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Return the commands, each with its output."""
    shown = [part.partition("\n") for block in blocks("console") for part in block.split("$ ")[1:]]
    return [(command, output) for command, _, output in shown]


@pytest.mark.parametrize(("command", "output"), commands(), ids=[command for command, _ in commands()])
def test_a_command_prints_what_the_readme_shows(server_address: str, command: str, output: str) -> None:
    program, *arguments = shlex.split(command)
    assert program == PROGRAM
    ran = subprocess.run(
        [sys.executable, "-m", "health_statistics", *arguments],
        cwd=CLIENT_FOLDER,
        env={**os.environ, "STATS_URL": server_address},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    shown = ".*".join(map(re.escape, output.split(LEFT_OUT)))
    assert re.fullmatch(shown, ran.stdout), ran.stdout


@pytest.mark.parametrize("block", blocks("python"))
def test_the_lines_of_python_answer_what_the_readme_shows(server_address: str, block: str) -> None:
    assert SHOWN_ADDRESS in block
    lines = block.replace(SHOWN_ADDRESS, server_address)
    example = doctest.DocTestParser().get_doctest(lines, {}, "README", None, None)
    assert len(example.examples) > 1
    assert doctest.DocTestRunner(verbose=False).run(example).failed == 0
