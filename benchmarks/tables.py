"""Make the benchmarks' larger tables: the whole CDC table, and the bundled one repeated a hundred times."""

import gzip
import shutil
from itertools import product
from pathlib import Path

import pandas as pd

from benchmarks import paths
from benchmarks.pandas_expressions import COLUMNS
from tools.make_sample_dataset import FACTS_FILE, Cell, Row, Survey, read_survey, sample_row, sort_key, write_rows

CDC_TABLE = paths.PROJECT_ROOT.parent / "shared" / "data" / "cdc_2011_2021.csv.gz"
SEED = 2022
TIMES = 100
YEARS_IN_TABLE = 11
SPANS_OF_YEARS = 5  # the large table covers five times the years; its other rows are repeats


def whole_cdc_table(folder: Path) -> tuple[Path, str]:
    """Write the whole CDC table, or a modelled one of its size if it is missing; return path and description.

    It is a plain CSV file, so that nobody has to decompress it.
    """
    path = folder / "whole.csv"
    if CDC_TABLE.exists():
        with gzip.open(CDC_TABLE) as compressed, path.open("wb") as plain:
            shutil.copyfileobj(compressed, plain)
        return path, "CDC's table 2011-2021"
    rows = modelled_rows(read_survey(FACTS_FILE))
    write_rows(path, rows)
    return path, f"a modelled table of {len(rows)} rows"


def modelled_rows(survey: Survey) -> list[Row]:
    """Model every stratum in every year of each question; the bundled sample has most only in the last year."""
    cells = [
        Cell(question, year, location, stratum)
        for question in survey.questions
        for year, location, stratum in product(question.year_effect, survey.locations, survey.strata)
        if location.name in question.total_by_location
    ]
    return [sample_row(cell, survey, SEED) for cell in sorted(cells, key=sort_key)]


def hundredfold_table(folder: Path) -> Path:
    """Write the bundled table a hundred times, with more years and repeats; return its path.

    The rows have the same values, so that every mean is that of the bundled table. Parquet keeps it small.
    """
    bundled = pd.read_csv(paths.BUNDLED_TABLE, usecols=[*COLUMNS, "YearStart", "YearEnd", "QuestionID"])
    copies = []
    for number in range(TIMES):
        copy = bundled.copy()
        earlier = YEARS_IN_TABLE * (number % SPANS_OF_YEARS)
        copy[["YearStart", "YearEnd"]] -= earlier
        copies.append(copy)
    table = pd.concat(copies, ignore_index=True)
    texts = [name for name in table.columns if name not in {"YearStart", "YearEnd", "Data_Value"}]
    path = folder / "hundredfold.parquet"
    table.astype(dict.fromkeys(texts, "category")).to_parquet(path)
    return path
