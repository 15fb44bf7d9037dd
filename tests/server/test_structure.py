"""Lengths of functions and files, and cycles of imports that import-linter cannot see (``make lint`` runs it)."""

import ast
import io
import tokenize
from pathlib import Path

import grimp
import pytest

from support.real_server import PROJECT_ROOT

LONGEST_FUNCTION_LINES = 30
LONGEST_FILE_LINES = 400
FOLDERS = ("app", "client", "tools", "tests", "benchmarks")
FILES = [
    PROJECT_ROOT / "api_server.py",
    *(path for folder in FOLDERS for path in sorted(PROJECT_ROOT.glob(f"{folder}/**/*.py"))),
]
FILE_NAMES = [str(path.relative_to(PROJECT_ROOT)) for path in FILES]


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


def modules_named(source: str, modules: set[str]) -> set[str]:
    """Return the modules named by string literals, as in ``import_module("app.x")`` or ``["-m", "app.x"]``."""
    literals = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    return {literal for literal in literals if isinstance(literal, str) and literal in modules}


def cycle(imports: dict[str, set[str]]) -> list[str]:
    """Return the modules that are part of a cycle, or import one that is; [] if there is no cycle."""
    left = dict(imports)
    while leaves := [module for module, imported in left.items() if not imported & left.keys()]:
        for module in leaves:
            del left[module]
    return sorted(left)


def test_a_cycle_through_a_module_named_by_a_string_is_found() -> None:
    sources = {"app.a": 'import_module("app.b")', "app.b": 'run(["-m", "app.c"])', "app.c": "", "app.d": '"app.e"'}
    assert cycle({name: modules_named(source, set(sources)) for name, source in sources.items()}) == []
    sources["app.c"] = "import_module('app.a')"
    found = cycle({name: modules_named(source, set(sources)) for name, source in sources.items()})
    assert found == ["app.a", "app.b", "app.c"]


def test_no_cycle_exists_with_modules_named_by_strings() -> None:
    graph = grimp.build_graph("app")
    modules = graph.modules - {"app"}  # imports the factory in a function
    imports: dict[str, set[str]] = {}
    for module in modules:
        path = PROJECT_ROOT.joinpath(*module.split("."))
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        named = modules_named(source.read_text(encoding="utf-8"), modules)
        imports[module] = graph.find_modules_directly_imported_by(module) & modules | named
    # The one exception: this module starts the other as a process, and sends it a task of a class that both import.
    imports["app.table.engines.cluster"].remove("app.table.engines.cluster_main")
    assert cycle(imports) == []
