"""The layouts of CDC's family of tables, each a TOML file: name, marking columns, column names, and the dataset.

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


class PublishedDataset(BaseModel):
    """A published dataset: its title, who publishes it, its id there, and the address of its page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    publisher: str | None = None
    id: str | None = None
    address: str | None = None


class LayoutFile(BaseModel):
    """A layout as its file has it.

    Parameters
    ----------
    other_names: the file's names of the common columns
    dataset: the one dataset that has this layout, if it is one alone
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    marks: tuple[str, ...]
    other_names: dict[str, tuple[str, ...]] = {}
    dataset: PublishedDataset | None = None


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


def published_dataset(layout: str | None) -> PublishedDataset | None:
    """Return the dataset that alone has a layout; None if the layout does not say which dataset it is."""
    return next((file.dataset for file in map(_file, FILES) if file.name == layout), None)


def _read(stem: str) -> Layout:
    file = _file(stem)
    return Layout(
        SURVEY_LAYOUT.needed,
        SURVEY_LAYOUT.optional,
        SURVEY_LAYOUT.numbers,
        file.other_names,
        name=file.name,
        marks=file.marks,
    )


@cache
def _file(stem: str) -> LayoutFile:
    text = (FOLDER / f"{stem}.toml").read_text(encoding="utf-8")
    return LayoutFile.model_validate(tomllib.loads(text))
