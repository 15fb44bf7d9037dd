"""Write the tables of docs that follow from the code: routes from the API document, settings from their fields.

Usage from the project's root: ``python -m tools.write_docs``. A test compares the files with what this writes.
"""

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from app import create_app
from app.settings import PROJECT_ROOT, Settings

DOCS = PROJECT_ROOT / "docs"
METHODS = ("get", "post", "delete")


def routes_table(document: dict[str, Any]) -> str:
    """Return the table of routes of an OpenAPI document."""
    rows = ["| route | what it does |", "| --- | --- |"]
    for path, operations in document["paths"].items():
        plain = re.sub(r"\{(\w+)\}", r"<\1>", path)
        rows += [
            f"| `{method.upper()} {plain}` | {operations[method]['summary'].rstrip('.')} |"
            for method in METHODS
            if method in operations
        ]
    return "\n".join(rows)


def settings_table() -> str:
    """Return the table of settings."""
    rows = ["| name | default | meaning |", "| --- | --- | --- |"]
    for field in Settings.model_fields.values():
        default = "number of cores" if field.default_factory is not None else _shown(field.default)
        rows.append(f"| `{field.alias}` | {default} | {field.description} |")
    return "\n".join(rows)


def _shown(default: object) -> str:
    if default in (None, ()):
        return "none"
    inside_project = isinstance(default, Path) or str(default).startswith(str(PROJECT_ROOT))
    text = Path(str(default)).name if inside_project else f"{default}".removesuffix(".0")
    return f"`{text}`"


def with_table(page: str, name: str, table: str) -> str:
    """Return a page with the table between its markers replaced.

    Raises
    ------
    ValueError: the page lacks the markers
    """
    pattern = re.compile(rf"(<!-- {name}: .*? -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no markers of {name}")
    return pattern.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", page)


def written_pages(document: dict[str, Any]) -> dict[Path, str]:
    """Return each page with its tables as the code has them."""
    routes, settings = DOCS / "http-api.md", DOCS / "settings.md"
    return {
        routes: with_table(routes.read_text(encoding="utf-8"), "routes", routes_table(document)),
        settings: with_table(settings.read_text(encoding="utf-8"), "settings", settings_table()),
    }


def main() -> int:
    """Write the tables."""
    with tempfile.TemporaryDirectory() as folder:
        places = {"results_dir": Path(folder) / "results", "log_file": Path(folder) / "log"}
        app = create_app(Settings(threads=1, **places))
        document = app.test_client().get("/openapi.json").get_json()
        app.extensions["services"].close()
    for path, text in written_pages(document).items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote {path.relative_to(PROJECT_ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
