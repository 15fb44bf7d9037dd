"""Every shell and Python example in README and docs prints the output that the page shows."""

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.documents import PAGES
from support.real_server import PROJECT_ROOT, running_server

SHOWN_ADDRESS = "http://127.0.0.1:5000"
LEFT_OUT = "…"  # matches any text
PAGES_WITH_EXAMPLES = [name for name, page in PAGES.items() if "```console" in page or ">>> " in page]


@pytest.fixture(params=PAGES_WITH_EXAMPLES)
def page(request: pytest.FixtureRequest) -> str:
    """The name of a page with examples."""
    return str(request.param)


@pytest.fixture
def server_address() -> Iterator[str]:
    """The address of a new server for each page, over the bundled table: job ids start at 1."""
    with running_server() as server:
        yield server.address


def blocks(page: str, language: str) -> list[str]:
    """Return the blocks of a page in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], re.DOTALL)


def commands(page: str) -> list[tuple[str, str]]:
    """Return the commands of a page with their expected output."""
    parts = [
        part.partition("\n") for block in blocks(page, "console") for part in re.split(r"^\$ ", block, flags=re.M)[1:]
    ]
    return [(command, output) for command, _, output in parts]


def run(command: str, address: str) -> str:
    """Run a command as a reader would, with the programs of the virtual environment at hand; return what it prints."""
    programs = [str(Path(sys.executable).parent), os.environ["PATH"]]
    ran = subprocess.run(
        ["/bin/bash", "-c", command.replace(SHOWN_ADDRESS, address)],
        cwd=PROJECT_ROOT,
        env={**os.environ, "PATH": os.pathsep.join(programs), "STATS_URL": address},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if "curl" not in command else subprocess.DEVNULL,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.stdout


def test_the_examples_of_a_page_print_what_it_shows(page: str, server_address: str) -> None:
    for command, output in commands(page):
        shown = ".*".join(map(re.escape, output.strip().split(LEFT_OUT)))
        printed = run(command, server_address)
        assert re.fullmatch(shown, printed.strip(), re.DOTALL), f"{command}\n{printed}"
    for block in blocks(page, "python"):
        if ">>> " in block:
            lines = block.replace(SHOWN_ADDRESS, server_address)
            example = doctest.DocTestParser().get_doctest(lines, {}, page, None, None)
            assert doctest.DocTestRunner(verbose=False).run(example).failed == 0, page


def test_pages_have_examples_that_are_run() -> None:
    assert {"README.md", "docs/index.md", "docs/client.md", "docs/http-api.md"} <= set(PAGES_WITH_EXAMPLES)
    assert len(commands("README.md")) >= 3
