"""The structure of the code: who knows whom, and how long things are."""

import ast
import io
import tokenize
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from real_server import PROJECT_ROOT
from rooms import MAY_IMPORT, SURVEY_ROOMS

LONGEST_FUNCTION_LINES = 30
LONGEST_FILE_LINES = 300

HTTP_PACKAGES = frozenset({"flask", "flask_cors", "flask_openapi3", "granian", "werkzeug"})
DATA_PACKAGES = frozenset({"dask", "distributed", "fsspec", "numpy", "pandas", "pyarrow"})

Graph = dict[str, set[str]]


def sources(root: Path) -> dict[str, Path]:
    """Return the files of the server by the names of their modules."""
    found = {"api_server": root / "api_server.py"}
    for path in sorted((root / "app").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(module: str, path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield each import of a module, wherever in it it stands: the module that is named, and the name taken from it."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            yield from ((".".join([*above, *filter(None, [node.module])]), alias.name) for alias in node.names)


def import_graph(root: Path) -> Graph:
    """Return what each module of the project imports: the project's modules in full, packages of others by name."""
    own = sources(root)
    graph: Graph = {module: set() for module in own}
    for module, path in own.items():
        for base, name in imported(module, path):
            full = f"{base}.{name}"
            graph[module].add(full if full in own else base if base in own else base.partition(".")[0])
    return graph


def reachable(graph: Graph, start: str) -> set[str]:
    """Return everything that a module imports, itself or by way of others."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def room(module: str) -> str:
    """Return the room of the package that a module belongs to."""
    return module.split(".")[1]


GRAPH = import_graph(PROJECT_ROOT)
ROOMS = sorted(module for module in GRAPH if module.startswith("app."))
FILES = [
    *sources(PROJECT_ROOT).values(),
    *(path for folder in ("tools", "tests", "benchmarks") for path in sorted(PROJECT_ROOT.glob(f"{folder}/**/*.py"))),
]
FILE_NAMES = [str(path.relative_to(PROJECT_ROOT)) for path in FILES]


@pytest.mark.parametrize(
    "way_back",
    [
        "from app.first import x\n",
        "import app.first\n",
        "from app import first\n",
        "from . import first\n",
        "from .first import x\n",
        "def later() -> None:\n    from app.first import x\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from app.first import x\n",
    ],
)
def test_a_cycle_is_found_wherever_the_import_stands(tmp_path: Path, way_back: str) -> None:
    (tmp_path / "app").mkdir()
    files = {
        "api_server": "import app\n",
        "app/__init__": "",
        "app/first": "import app.second\n",
        "app/second": way_back,
    }
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
    with pytest.raises(CycleError):
        TopologicalSorter(import_graph(tmp_path)).prepare()


def test_the_import_graph_has_no_cycle() -> None:
    assert len(GRAPH) > len(MAY_IMPORT)
    TopologicalSorter(GRAPH).prepare()


def test_the_table_names_every_room_and_no_other() -> None:
    assert sorted({room(module) for module in ROOMS}) == sorted(MAY_IMPORT)
    assert set().union(*MAY_IMPORT.values()) <= MAY_IMPORT.keys()


@pytest.mark.parametrize("module", ROOMS)
def test_a_room_imports_only_the_rooms_that_it_may_know(module: str) -> None:
    known = {target for target in GRAPH[module] if target == "app" or target.startswith("app.")}
    assert "app" not in known
    assert {room(target) for target in known} - {room(module)} <= MAY_IMPORT[room(module)]


@pytest.mark.parametrize("module", ROOMS)
def test_only_the_factory_and_the_routes_import_flask(module: str) -> None:
    if room(module) not in {"factory", "routes"}:
        assert GRAPH[module] & HTTP_PACKAGES == ({"werkzeug"} if room(module) == "waiting_room" else set())
    assert "flask" in GRAPH["app.factory"]


def test_the_pool_knows_neither_http_nor_the_survey() -> None:
    found = reachable(GRAPH, "app.task_runner")
    assert "app.job_store" in found
    assert not found & (HTTP_PACKAGES | DATA_PACKAGES | {f"app.{name}" for name in SURVEY_ROOMS})
    assert not {module for module in found if module.startswith("app.routes")}


@pytest.mark.parametrize("module", [module for module in ROOMS if room(module) == "client"])
def test_the_client_knows_the_server_by_http_alone(module: str) -> None:
    found = reachable(GRAPH, module)
    assert not found & (HTTP_PACKAGES | DATA_PACKAGES)
    assert {room(target) for target in found if target.startswith("app.")} <= {"client"}


@pytest.mark.parametrize(
    "module", ["app.statistics", "app.resolver", "app.provenance", "app.survey_table", "app.data_ingestor"]
)
def test_the_survey_knows_neither_jobs_nor_threads_nor_http(module: str) -> None:
    found = reachable(GRAPH, module)
    assert not found & (HTTP_PACKAGES | {"app.job", "app.job_store", "app.task_runner", "app.services"})


def code_lines(source: str) -> set[int]:
    """Return the numbers of the lines that hold code: neither blank, nor a comment, nor a docstring."""
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in silent:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def function_lengths(source: str) -> dict[str, int]:
    """Return the lines of code of each function, by its name and the line that it begins in."""
    lines = code_lines(source)
    return {
        f"{node.name} in line {node.lineno}": len(lines.intersection(range(node.lineno, (node.end_lineno or 0) + 1)))
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_lines_of_code_are_counted_without_docstrings_comments_and_blank_lines() -> None:
    head = 'def f(\n    x: int,\n) -> str:\n    """Say.\n\n    More.\n    """\n\n'
    source = head + '    # why\n    return """a\n\nb"""  # how\n'
    assert function_lengths(source) == {"f in line 1": 6}


@pytest.mark.parametrize("path", FILES, ids=FILE_NAMES)
def test_no_function_is_longer_than_a_screen(path: Path) -> None:
    lengths = function_lengths(path.read_text(encoding="utf-8"))
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", FILES, ids=FILE_NAMES)
def test_no_file_is_too_long_to_be_read(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE_LINES
