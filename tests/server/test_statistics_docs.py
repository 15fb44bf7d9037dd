"""docs/statistics.md matches the code: its example is recomputed, and every statistic and flag is documented."""

import json
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from app.settings import BUNDLED_TABLE, Settings
from app.statistics import STATISTICS
from app.table.estimates import FLAGS
from support.real_server import PROJECT_ROOT

DOCS = (PROJECT_ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
EXAMPLE = DOCS.split("## A worked example")[1]


Ask = Callable[..., Any]


def tables(text: str) -> list[list[dict[str, str]]]:
    """Return the rows of each table of a text by their column's names."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line.strip("|\n").split("|")] for line in block.splitlines())
        found.append([dict(zip(head, row, strict=True)) for row in rows])
    return found


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"data": str(BUNDLED_TABLE)})


def assert_rounded(figures: dict[str, float], documented: dict[str, str]) -> None:
    """Check that figures, rounded as they are documented, are the documented ones."""
    for name, text in documented.items():
        decimals = len(text.partition(".")[2])
        assert round(figures[name], decimals) == float(text), name


def test_the_worked_example_comes_out(ask: Ask) -> None:
    (years, (estimate,), (difference,)) = tables(EXAMPLE)
    first, second = (json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", EXAMPLE, re.DOTALL))
    assert_rounded(ask("estimate", **first)["data"][0], estimate)
    assert_rounded(ask("compare", **second)["data"]["difference"], difference)
    yearly = ask("estimate", **first | {"by": ["year"]})["data"]
    for row, cell in zip(years, yearly, strict=True):
        arithmetic = row["standard error"].partition("=")[0]
        sums = eval(arithmetic, {"ln": math.log})  # noqa: S307 - arithmetic of our own document
        assert round(sums, 6) == float(row["standard error"].partition("=")[2])
        assert {"year": int(row["year"]), "sample_size": int(row["sample size"])}.items() <= cell.items()
        assert [float(row[name]) for name in ("value", "low", "high")] == [cell[n] for n in ("value", "low", "high")]


def test_the_arithmetic_of_the_example_is_right() -> None:
    (years, (estimate,), (difference,)) = tables(EXAMPLE)
    old, new = (float(row["standard error"].partition("=")[2]) for row in years)
    error = math.sqrt(old**2 + new**2)
    assert round(error, 6) == float(difference["standard_error"])
    half_width = 1.959964 * error / 2 / (100 * 0.3585 * 0.6415)
    for sign, name in ((-1, "low"), (1, "high")):
        odds = 0.3585 / 0.6415 * math.exp(sign * half_width)
        assert round(100 * odds / (1 + odds), 4) == float(estimate[name])
    assert round(1.5 / error, 4) == float(difference["z"])


def test_every_statistic_and_every_flag_is_explained() -> None:
    for name in [*STATISTICS, *FLAGS]:
        assert f"`{name}`" in DOCS, name


def test_the_example_asks_for_the_bundled_table(app: Flask) -> None:
    assert app.extensions["services"].ingestor.table.report.source == BUNDLED_TABLE.name
