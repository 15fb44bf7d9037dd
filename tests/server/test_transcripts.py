"""What the README shows of the client is what a server with the bundled table answers."""

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

SECTION = section("From the shell and from Python")
SHOWN_ADDRESS = "http://127.0.0.1:5000"
PROGRAM = "python"
LEFT_OUT = "…"  # stands for the rest of a line


@pytest.fixture(scope="module")
def server_address() -> Iterator[str]:
    """The address of a server with the bundled table, which both transcripts only ask."""
    with running_server() as server:
        yield server.address


def blocks(language: str) -> list[str]:
    """Return the blocks of the section in a language."""
    return re.findall(rf"```{language}\n(.*?)```", SECTION, re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Return the commands of the section, each with what it is shown to print."""
    shown = [part.partition("\n") for block in blocks("console") for part in block.split("$ ")[1:]]
    return [(command, output) for command, _, output in shown]


@pytest.mark.parametrize(("command", "output"), commands(), ids=[command for command, _ in commands()])
def test_a_command_prints_what_the_readme_shows(server_address: str, command: str, output: str) -> None:
    program, *arguments = shlex.split(command)
    assert program == PROGRAM
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT_ROOT,
        env={**os.environ, "STATS_URL": server_address},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    shown = ".*".join(map(re.escape, output.split(LEFT_OUT)))
    assert re.fullmatch(shown, ran.stdout), ran.stdout


def test_the_lines_of_python_answer_what_the_readme_shows(server_address: str) -> None:
    (block,) = blocks("python")
    assert SHOWN_ADDRESS in block
    lines = block.replace(SHOWN_ADDRESS, server_address)
    example = doctest.DocTestParser().get_doctest(lines, {}, "README", None, None)
    assert len(example.examples) > 1
    assert doctest.DocTestRunner(verbose=False).run(example).failed == 0
