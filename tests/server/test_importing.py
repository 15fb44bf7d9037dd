"""What importing does: no thread, no file, and no more packages than needed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.real_server import PROJECT_ROOT

IMPORT_SECONDS = 60

IMPORT_AND_REPORT = """
import json, os, sys
writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
opened = {"written": [], "read": []}
def hook(event, arguments):
    if event == "open":
        path, _, flags = arguments
        opened["written" if (flags or 0) & writing else "read"].append(str(path))
sys.addaudithook(hook)
import threading
{statement}
print(json.dumps({**opened, "alive": threading.active_count(), "imported": "app.task_runner" in sys.modules}))
"""


def imports_of(statement: str, folder: Path) -> dict[str, Any]:
    """Run a statement in a fresh interpreter; return the files it opens and the threads it starts."""
    ran = subprocess.run(
        [sys.executable, "-B", "-c", IMPORT_AND_REPORT.replace("{statement}", statement)],
        cwd=folder,
        env={"PYTHONPATH": f"{PROJECT_ROOT}:{PROJECT_ROOT / 'client'}", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=IMPORT_SECONDS,
    )
    opened: dict[str, Any] = json.loads(ran.stdout)
    return opened


@pytest.mark.parametrize("statement", ["import app.factory", "import app, api_server"])
def test_importing_starts_no_thread_and_opens_only_code(tmp_path: Path, statement: str) -> None:
    opened = imports_of(statement, tmp_path)
    own = [Path(name) for name in opened["read"] if Path(name).is_relative_to(PROJECT_ROOT / "app")]
    assert opened["imported"]
    assert opened["alive"] == 1
    assert opened["written"] == []
    assert own
    assert {path.suffix for path in own} <= {".py", ".pyc"}
    assert not [name for name in opened["read"] if name.endswith((".csv", ".csv.gz", ".parquet", ".log"))]
    assert list(tmp_path.iterdir()) == []


def packages_read(opened: dict[str, Any]) -> set[str]:
    """Return the third-party top-level packages whose code was read."""
    code = [Path(name).parts for name in opened["read"] if name.endswith((".py", ".pyc", ".so"))]
    return {parts[parts.index("site-packages") + 1] for parts in code if "site-packages" in parts}


def test_importing_app_alone_imports_no_third_party_package(tmp_path: Path) -> None:
    opened = imports_of("import app", tmp_path)
    assert not opened["imported"]
    assert packages_read(opened) == set()


def test_the_client_imports_neither_the_server_nor_its_dependencies(tmp_path: Path) -> None:
    opened = imports_of("import health_statistics.__main__", tmp_path)
    assert not opened["imported"]
    assert (opened["alive"], opened["written"]) == (1, [])
    assert "requests" in packages_read(opened)
    assert not packages_read(opened) & {"flask", "granian", "numpy", "pandas", "pyarrow", "pydantic", "werkzeug"}


def test_opened_files_and_started_threads_are_detected(tmp_path: Path) -> None:
    statement = "open('a.csv', 'w').close(); open('a.csv').close()\n"
    statement += "threading.Thread(target=threading.Event().wait, daemon=True).start()"
    opened = imports_of(statement, tmp_path)
    assert (opened["written"], opened["read"][-1:], opened["alive"]) == (["a.csv"], ["a.csv"], 2)
