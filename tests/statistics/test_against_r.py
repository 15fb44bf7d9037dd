"""Estimates from respondents' records against R's package survey."""

import math
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.respondent_records import (
    AGES,
    NATION,
    SEXES,
    SINGING,
    WALKING,
    Figures,
    Key,
    Record,
    answer,
    figures_of,
    made_up,
    mapping,
    records_of,
    table_of,
)

CLOSE = 1e-9
SCRIPT = Path(__file__).parents[1] / "support" / "complex_survey.R"
Z = 1.959963984540054
ANSWERS = {WALKING: "walks", SINGING: "sings"}
YEAR = 2018
SIZES = {"young": 3.0, "old": 5.0, "very old": 2.0}
STANDARD = {"category": "Age", "sizes": SIZES, "within": ["Gender"]}
PLACES = {"Ohio": (1,), "Guam": (3,), NATION: (1, 2)}
# The column and the code of each stratum; everybody has the same year.
STRATA: Mapping[tuple[str, str], tuple[str, int]] = {
    ("Total", "Total"): ("year", YEAR),
    **{("Gender", name): ("sex", code) for code, name in enumerate(SEXES, 1)},
    **{("Age", name): ("age", code) for code, name in enumerate(AGES, 1)},
}


@cache
def rscript() -> str:
    """Return the path of Rscript, or skip the test if R or its package survey is not installed."""
    path = shutil.which("Rscript")
    if path is None or subprocess.run([path, "-e", "library(survey)"], capture_output=True, check=False).returncode:
        pytest.skip("R with its package survey is not installed (Debian: apt-get install r-cran-survey)")
    return path


@dataclass(frozen=True)
class Case:
    """A design: changes of made-up records, and the design of the mapping."""

    change: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
    design: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 900

    @property
    def frame(self) -> pd.DataFrame:
        """The records."""
        frame = made_up(self.rows, seed=23)
        return self.change(frame[frame["year"] == YEAR].reset_index(drop=True))

    def records_for_r(self, records: list[Record]) -> list[Record]:
        """Return the design of each record as R needs it."""
        within, certainty = self.design.get("within_locations", False), self.design.get("certainty_strata", ())
        rows = []
        for number, record in enumerate(records):
            place = f"{record['state']}/" if within or "stratum" not in self.design else ""
            stratum = f"{place}{record['stratum'] if 'stratum' in self.design else ''}"
            unit = f"{stratum}/{record['unit']}" if "unit" in self.design else str(number)
            certain = int("stratum" in self.design and record["stratum"] in certainty)
            rows.append({"weight": record["weight"], "stratum": f"s{stratum}", "unit": f"u{unit}", "certain": certain})
        return rows


def lonely(frame: pd.DataFrame) -> pd.DataFrame:
    """Give a stratum one unit in all locations."""
    frame.loc[frame["stratum"] == 1, "unit"] = 1
    return frame


def rare(frame: pd.DataFrame) -> pd.DataFrame:
    """Make walking rare, and singing nearly universal; nobody in Guam walks, and all in Ohio's oldest group sing."""
    frame["walks"] = (frame.index % 53 != 0) + 1
    frame["sings"] = (frame.index % 61 == 0) + 1
    frame.loc[frame["state"] == 3, "walks"] = 2
    frame.loc[(frame["state"] == 1) & (frame["age"] == 3), "sings"] = 1
    return frame


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Give strata and units names."""
    return frame.assign(
        stratum=["rural-" + str(number) for number in frame["stratum"]], unit=[f"{unit}B" for unit in frame["unit"]]
    )


COLUMNS = {"weight": "weight", "stratum": "stratum", "unit": "unit"}
NO_UNITS = {"weight": "weight", "stratum": "stratum"}
WITHIN = {"within_locations": True}
CASES = {
    "units within locations": Case(design=COLUMNS | WITHIN),
    "units across locations": Case(design=COLUMNS),
    "a few units across locations": Case(lambda frame: frame.assign(unit=1 + frame["unit"] % 2), COLUMNS),
    "units across locations, one of them in each of many strata": Case(
        lambda frame: frame.assign(stratum=frame.index % 40, unit=1 + frame.index // 40 % 2), COLUMNS
    ),
    "each respondent a unit": Case(design=NO_UNITS | WITHIN),
    "each respondent a unit, strata across locations": Case(design=NO_UNITS),
    "no strata": Case(
        lambda frame: frame.assign(unit=10 * frame["state"] + frame["unit"]), {"weight": "weight", "unit": "unit"}
    ),
    "neither strata nor units": Case(design={"weight": "weight"}),
    "lonely units within locations": Case(lonely, COLUMNS | WITHIN),
    "lonely units across locations": Case(lonely, COLUMNS),
    "a certainty stratum of one unit": Case(lonely, COLUMNS | WITHIN | {"certainty_strata": [1]}),
    "certainty strata of several units": Case(design=COLUMNS | {"certainty_strata": [2, 3]}),
    "strata and units with names": Case(named, COLUMNS | {"certainty_strata": ["rural-4"]}),
    "rare and unanimous answers": Case(rare, COLUMNS | WITHIN),
    "rare and unanimous answers across locations": Case(rare, COLUMNS),
    "rare answers, each respondent a unit": Case(rare, NO_UNITS | WITHIN),
}


Cells = dict[tuple[bool, Key], list[bool]]  # whether standardised, and the key, with which records are inside


def compared_cells(records: list[Record]) -> Cells:
    """Return the compared cells."""
    cells: Cells = {}
    for question in (WALKING, SINGING):
        answered = [answer(record, question) is not None for record in records]
        for place, codes in PLACES.items():
            for stratum, (column, code) in STRATA.items():
                mask = [
                    known and record["state"] in codes and record[column] == code
                    for known, record in zip(answered, records, strict=True)
                ]
                key = (question, place, YEAR, *stratum)
                cells[False, key] = mask
                if stratum[0] != "Age":
                    cells[True, key] = [m and record["age"] != 9 for m, record in zip(mask, records, strict=True)]
    return cells


def write_case(folder: Path, case: Case, records: list[Record], cells: Cells) -> None:
    """Write what R needs to estimate the cells."""
    columns: dict[str, list[Any]] = {"age": [record["age"] if record["age"] != 9 else None for record in records]}
    columns |= {name: [answer(record, question) for record in records] for question, name in ANSWERS.items()}
    columns |= {f"domain_{number}": list(map(int, mask)) for number, mask in enumerate(cells.values())}
    design = pd.DataFrame(case.records_for_r(records))
    folder.mkdir()
    pd.concat([design, pd.DataFrame(columns)], axis=1).to_csv(folder / "records.csv", index=False, float_format="%.17g")
    sizes = " ".join(map(str, SIZES.values()))
    table = [
        {"standard": int(standard), "domain": f"domain_{number}", "answer": ANSWERS[key[0]], "sizes": sizes}
        for number, (standard, key) in enumerate(cells)
    ]
    pd.DataFrame(table).to_csv(folder / "cells.csv", index=False)


def expected_figures(r: Mapping[str, float]) -> Figures:
    """Return the figures of a cell that follow from R's."""
    value, variance, respondents = r["value"], r["variance"], r["respondents"]
    unanimous = value in (0, 1)
    effective = respondents if unanimous else min(respondents, value * (1 - value) / variance if variance else math.inf)
    method = "beta" if effective * min(value, 1 - value) < 10 else "logit"
    low, high = r[f"{method}_low"], r[f"{method}_high"]
    error = (high - low) / Z if unanimous else math.sqrt(variance)
    error = error if r["degrees"] > 0 else math.nan
    return Figures(100 * value, 100 * error, 100 * low, 100 * high, respondents, r["degrees"])


def test_the_figures_are_those_of_r(tmp_path: Path) -> None:
    program = rscript()
    found, cells = {}, {}
    for number, (name, case) in enumerate(CASES.items()):
        records = records_of(case.frame)
        cells[name] = compared_cells(records)
        write_case(tmp_path / str(number), case, records, cells[name])
        table = table_of(case.frame, mapping(design=case.design, standard=STANDARD))
        found[name] = {standard: figures_of(table, standardized=standard) for standard in (False, True)}
    folders = [str(tmp_path / str(number)) for number in range(len(CASES))]
    finished = subprocess.run([program, str(SCRIPT), *folders], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    for folder, (name, of_case) in zip(folders, cells.items(), strict=True):
        results = records_of(pd.read_csv(Path(folder) / "results.csv", skipinitialspace=True))
        assert len(results) == 2 * 3 * (6 + 3)
        for (standard, key), r in zip(of_case, results, strict=True):
            expected = pytest.approx(expected_figures(r), rel=CLOSE, abs=1e-12, nan_ok=True)
            assert found[name][standard][key] == expected, (name, standard, key)


def test_the_cases_have_all_kinds_of_cells() -> None:
    """Otherwise the comparison would show less than it seems to."""
    found = [figures for case in CASES.values() for figures in figures_of(table_of(case.frame, mapping())).values()]
    assert any(figures.value in (0, 100) for figures in found)
    assert any(0 < figures.value < 2 for figures in found)
    assert any(figures.degrees == 0 for figures in found)
