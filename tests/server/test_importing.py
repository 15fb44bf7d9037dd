"""What importing does: no thread, no file, and no more packages than needed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.real_server import PROJECT_ROOT

IMPORT_SECONDS = 60

IMPORT_AND_TELL = """
import json, os, sys
writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
told = {"written": [], "read": []}
def hook(event, arguments):
    if event == "open":
        path, _, flags = arguments
        told["written" if (flags or 0) & writing else "read"].append(str(path))
sys.addaudithook(hook)
import threading
{statement}
print(json.dumps({**told, "alive": threading.active_count(), "imported": "app.task_runner" in sys.modules}))
"""


def told_by_a_fresh_interpreter(statement: str, folder: Path) -> dict[str, Any]:
    """Return which files a statement opens and how many threads it starts."""
    ran = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_AND_TELL.replace("{statement}", statement)],
        cwd=folder,
        env={"PYTHONPATH": f"{PROJECT_ROOT}:{PROJECT_ROOT / 'client'}", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=IMPORT_SECONDS,
    )
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


@pytest.mark.parametrize("statement", ["import app.factory", "import app, api_server"])
def test_importing_starts_no_thread_and_opens_nothing_but_code(tmp_path: Path, statement: str) -> None:
    told = told_by_a_fresh_interpreter(statement, tmp_path)
    own = [Path(name) for name in told["read"] if Path(name).is_relative_to(PROJECT_ROOT / "app")]
    assert told["imported"]
    assert told["alive"] == 1
    assert told["written"] == []
    assert own
    assert {path.suffix for path in own} <= {".py", ".pyc"}
    assert not [name for name in told["read"] if name.endswith((".csv", ".csv.gz", ".parquet", ".log"))]
    assert list(tmp_path.iterdir()) == []


def packages_read(told: dict[str, Any]) -> set[str]:
    """Return the top-level packages of others whose code was read."""
    code = [Path(name).parts for name in told["read"] if name.endswith((".py", ".pyc", ".so"))]
    return {parts[parts.index("site-packages") + 1] for parts in code if "site-packages" in parts}


def test_importing_the_package_alone_imports_no_other_package(tmp_path: Path) -> None:
    told = told_by_a_fresh_interpreter("import app", tmp_path)
    assert not told["imported"]
    assert packages_read(told) == set()


def test_the_client_imports_neither_the_server_nor_what_it_runs_on(tmp_path: Path) -> None:
    told = told_by_a_fresh_interpreter("import health_statistics.__main__", tmp_path)
    assert not told["imported"]
    assert (told["alive"], told["written"]) == (1, [])
    assert "requests" in packages_read(told)
    assert not packages_read(told) & {"flask", "granian", "numpy", "pandas", "pyarrow", "pydantic", "werkzeug"}


def test_opening_files_and_starting_threads_would_be_seen(tmp_path: Path) -> None:
    statement = "open('a.csv', 'w').close(); open('a.csv').close()\n"
    statement += "threading.Thread(target=threading.Event().wait, daemon=True).start()"
    told = told_by_a_fresh_interpreter(statement, tmp_path)
    assert (told["written"], told["read"][-1:], told["alive"]) == (["a.csv"], ["a.csv"], 2)
