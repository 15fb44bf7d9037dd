"""The command line as a process, against a server process; and its package."""

import json
import os
import subprocess
import sys
import tomllib
from typing import Any

from support.real_server import PROJECT_ROOT, running_server

CLIENT_FOLDER = PROJECT_ROOT / "client"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process."""
    return subprocess.run(
        [sys.executable, "-m", "health_statistics", *arguments],
        cwd=CLIENT_FOLDER,
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


def test_it_asks_the_bundled_table_and_exits_quietly_when_its_reader_exits() -> None:
    expected = reference_case("best5", "who have obesity")
    with running_server() as server:
        ran = run("ask", "best5", "--question", "obesity", STATS_URL=server.address)
        assert ran.returncode == 0
        assert [line.rsplit(maxsplit=1)[0] for line in ran.stdout.splitlines()[2:7]] == list(expected)
        assert ran.stdout.splitlines()[-1].startswith("This table is modelled")
        cut_off = subprocess.run(
            ["/bin/bash", "-c", f"set -o pipefail; {sys.executable} -m health_statistics states | true"],
            cwd=CLIENT_FOLDER,
            env={**os.environ, "STATS_URL": server.address},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (cut_off.returncode, cut_off.stderr) == (141, "")


def test_the_help_has_examples_and_exit_codes() -> None:
    ran = run("--help")
    assert ran.returncode == 0
    for text in ("health-statistics ask best5 --question obesity", "STATS_URL", "STATS_ADMIN_TOKEN", "exit codes:"):
        assert text in ran.stdout


def test_the_package_has_the_command_and_no_other_dependencies() -> None:
    project = tomllib.loads((CLIENT_FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"health-statistics": "health_statistics.__main__:main"}
    assert [name.partition(">")[0] for name in project["dependencies"]] == ["requests", "rich"]
