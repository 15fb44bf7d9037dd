"""The client as a program of its own, against a server of its own."""

import json
import os
import subprocess
import sys
from typing import Any

from support.real_server import PROJECT_ROOT, running_server


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "app.client", *arguments],
        cwd=PROJECT_ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def reference_case(statistic: str, words: str) -> Any:
    """Return the expected result of the first reference case of a statistic whose question has these words."""
    folder = PROJECT_ROOT / "tests" / "cases" / statistic
    for path in sorted(folder.glob("input/in-*.json")):
        if words in path.read_text(encoding="utf-8"):
            name = path.name.replace("in-", "out-")
            return json.loads((folder / "output" / name).read_text(encoding="utf-8"))
    raise LookupError(words)


def test_it_answers_from_the_bundled_table_and_ends_quietly_with_its_reader() -> None:
    expected = reference_case("best5", "who have obesity")
    with running_server() as server:
        asked = run("ask", "best5", "--question", "obesity", STATS_URL=server.address)
        assert asked.returncode == 0
        assert [line.rsplit(maxsplit=1)[0] for line in asked.stdout.splitlines()[2:7]] == list(expected)
        assert asked.stdout.splitlines()[-1].startswith("This table is modelled")
        cut_off = subprocess.run(
            ["/bin/bash", "-c", f"set -o pipefail; {sys.executable} -m app.client states | true"],
            cwd=PROJECT_ROOT,
            env={**os.environ, "STATS_URL": server.address},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (cut_off.returncode, cut_off.stderr) == (141, "")


def test_its_help_has_examples_and_exit_codes() -> None:
    helped = run("--help")
    assert helped.returncode == 0
    for text in ("python -m app.client ask best5 --question obesity", "STATS_URL", "STATS_ADMIN_TOKEN", "exit codes:"):
        assert text in helped.stdout
