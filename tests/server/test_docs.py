"""The documentation matches the code: routes, settings, make targets, modules, dependencies."""

import re
import subprocess

import pytest
from flask import Flask
from flask.testing import FlaskClient

from support.documents import PAGES, README, section
from support.real_server import PROJECT_ROOT
from tools.write_docs import written_pages

LONGEST_README_LINES = 130
REQUIREMENTS = sorted(PROJECT_ROOT.glob("requirements*.txt"))


def first_cells(table: str) -> list[str]:
    """Return the backquoted names in the first column of a table."""
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    return [name for cell in rows for name in re.findall(r"`([^`]+)`", cell)]


def test_every_route_is_documented_and_every_documented_route_exists(app: Flask) -> None:
    served = set()
    for rule in app.url_map.iter_rules():
        served |= {f"{method} {rule.rule}" for method in (rule.methods or set()) - {"HEAD"}}
    assert set(first_cells(section("docs/http-api.md", "Routes"))) == served


def test_the_tables_of_routes_and_settings_are_those_of_the_code(client: FlaskClient) -> None:
    for path, text in written_pages(client.get("/openapi.json").get_json()).items():
        assert path.read_text(encoding="utf-8") == text, "run python -m tools.write_docs"


def test_make_help_lists_the_targets_and_the_docs_name_only_those() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split())
    command = ["make", "--no-print-directory", "help"]
    helped = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in helped.splitlines()} == targets
    for name, page in PAGES.items():
        assert set(re.findall(r"`make ([a-z_]+)|^make ([a-z_]+)", page, re.MULTILINE)) <= {
            pair for target in targets for pair in ((target, ""), ("", target))
        }, name


def test_the_readme_names_every_module_and_package_of_the_server() -> None:
    parts = {path.name + "/" * path.is_dir() for path in (PROJECT_ROOT / "app").iterdir()}
    parts = {part for part in parts if part.endswith((".py", "/")) and part != "__pycache__/"}
    layout = section("README.md", "Layout")
    assert len(parts) > 20
    assert {part for part in parts if f"`app/{part}`" not in layout} == set()
    assert len([line for line in layout.splitlines() if line.startswith("| `")]) <= 20
    for name in re.findall(r"`([a-z_/]+(?:/|\.py))`", layout):
        assert (PROJECT_ROOT / name).exists(), name


def test_the_readme_is_short_and_says_at_once_that_the_table_is_modelled() -> None:
    lines = README.splitlines()
    assert len(lines) <= LONGEST_README_LINES
    assert "modelled" in " ".join(lines[:8])


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_direct_dependency_is_pinned_and_its_purpose_documented(path: object) -> None:
    direct = path.read_text(encoding="utf-8").split("\n\n", maxsplit=1)[0].splitlines()  # type: ignore[attr-defined]
    pins = [line for line in direct if line and not line.startswith(("#", "-"))]
    assert pins
    explained = {name.lower() for name in first_cells(section("docs/architecture.md", "Dependencies"))}
    for pin in pins:
        name, equals, version = pin.partition("==")
        assert equals
        assert version
        assert name.lower() in explained, name


def test_files_that_the_docs_name_exist() -> None:
    for name, page in PAGES.items():
        for path in re.findall(
            r"`((?:app|tests|tools|benchmarks|deploy|client)/[a-z_/0-9]+\.(?:py|toml|json|conf))`", page
        ):
            assert (PROJECT_ROOT / path).exists(), f"{name}: {path}"
