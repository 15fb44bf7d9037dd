"""The layouts of CDC's family of tables, each a TOML file: its name, the columns that mark it, and its column names.

A table has the first of these layouts one of whose marks is among its columns, and otherwise the common one.
"""

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from app.table.sources.parser import SURVEY_LAYOUT, Layout

FOLDER = Path(__file__).parent
COMMON = "Nutrition, Physical Activity, and Obesity"
# Marks are looked for in this order: the last ones are columns that tables of the others have too.
FILES = ("chronic_disease_indicators", "mortality", "break_out", "wic", "youth", "adults", "healthy_aging")


class LayoutFile(BaseModel):
    """A layout as its file has it. ``other_names`` are the file's names of the common columns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    marks: tuple[str, ...]
    other_names: dict[str, tuple[str, ...]] = {}


@cache
def survey_layout() -> Layout:
    """Return the common layout, with the others that are tried before it."""
    return Layout(
        SURVEY_LAYOUT.needed,
        SURVEY_LAYOUT.optional,
        SURVEY_LAYOUT.numbers,
        name=COMMON,
        others=tuple(map(_read, FILES)),
    )


def _read(stem: str) -> Layout:
    text = (FOLDER / f"{stem}.toml").read_text(encoding="utf-8")
    file = LayoutFile.model_validate(tomllib.loads(text))
    return Layout(
        SURVEY_LAYOUT.needed,
        SURVEY_LAYOUT.optional,
        SURVEY_LAYOUT.numbers,
        file.other_names,
        name=file.name,
        marks=file.marks,
    )
