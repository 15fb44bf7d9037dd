"""README and code say the same: routes, settings, make targets, files, dependencies."""

import re
import subprocess
from pathlib import Path

import pytest
from flask import Flask

from app.settings import Settings
from support.documents import README, section
from support.real_server import PROJECT_ROOT

SERVER_REQUIREMENTS = (PROJECT_ROOT / "requirements.txt").read_text(encoding="utf-8")
DEV_REQUIREMENTS = (PROJECT_ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
DASK_REQUIREMENTS = (PROJECT_ROOT / "requirements-dask.txt").read_text(encoding="utf-8")
BENCH_REQUIREMENTS = (PROJECT_ROOT / "requirements-bench.txt").read_text(encoding="utf-8")


def shown(default: object) -> str:
    """Return a default as the README shows it."""
    if default in (None, ()):
        return "none"
    is_path = isinstance(default, Path) or str(default).startswith(str(PROJECT_ROOT))
    return Path(str(default)).name if is_path else f"{default}".removesuffix(".0")


def printed_by(*command: str) -> str:
    """Run a command in the project's folder; return what it prints, nothing where it fails."""
    return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False).stdout


def first_cells(table: str) -> list[str]:
    """Return what stands in backquotes in the first cells of a table's rows."""
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    return [name for cell in rows for name in re.findall(r"`([^`]+)`", cell)]


def test_the_routes_are_those_of_the_application(app: Flask) -> None:
    served = set()
    for rule in app.url_map.iter_rules():
        served |= {f"{method} {rule.rule}" for method in (rule.methods or set()) - {"HEAD"}}
    documented = set()
    for entry in first_cells(section("Routes")):
        methods, path = entry.rsplit(" ", 1)
        documented |= {f"{method} {path}" for method in methods.split(" or ")}
    assert documented == served


def test_the_settings_are_those_of_the_code() -> None:
    rows = [
        [cell.strip().strip("`") for cell in line.split("|")[1:-1]]
        for line in section("Settings").splitlines()
        if line.startswith("| `")
    ]
    documented = {name: (default, meaning) for name, default, meaning in rows}
    in_code = {str(field.alias): field for field in Settings.model_fields.values()}
    assert documented.keys() == in_code.keys()
    for name, field in in_code.items():
        default, meaning = documented[name]
        assert meaning.replace("`", "") == str(field.description).replace("`", "")
        if field.default_factory is None:
            assert default == shown(field.default), name


def test_the_targets_of_the_makefile_are_listed_by_help_and_named_in_the_readme() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())
    helped = printed_by("make", "--no-print-directory", "help")
    assert {line.split()[0] for line in helped.splitlines()} == targets
    assert set(re.findall(r"make ([a-z_]+)", README)) == targets


def test_the_layout_names_every_module_and_package_of_the_server() -> None:
    parts = {path.name + "/" * path.is_dir() for path in (PROJECT_ROOT / "app").iterdir() if path.name != "__pycache__"}
    layout = section("Layout")
    assert len(parts) > 20
    assert {part for part in parts if f"`app/{part}`" not in layout} == set()
    rows = [line for line in layout.splitlines() if line.startswith("| `")]
    assert len(rows) <= 20
    for name in re.findall(r"`([a-z_/]+(?:/|\.py))`", layout):
        assert (PROJECT_ROOT / name).exists(), name


@pytest.mark.parametrize("requirements", [SERVER_REQUIREMENTS, DASK_REQUIREMENTS, DEV_REQUIREMENTS, BENCH_REQUIREMENTS])
def test_every_direct_dependency_is_pinned_and_accounted_for(requirements: str) -> None:
    direct = requirements.split("\n\n", maxsplit=1)[0].splitlines()
    pins = [line for line in direct if line and not line.startswith(("#", "-r"))]
    assert pins
    explained = {name.lower() for name in first_cells(section("Dependencies"))}
    for pin in pins:
        name, equals, version = pin.partition("==")
        assert equals
        assert version
        assert name.lower() in explained, name


def test_the_data_is_said_to_be_modelled_in_the_first_lines() -> None:
    assert "modelled" in " ".join(README.splitlines()[:8])
