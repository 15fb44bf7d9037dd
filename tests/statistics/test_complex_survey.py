"""Prevalences, standard errors and limits against svy, which computes estimates of complex surveys."""

from typing import Any

import pandas as pd
import polars as pl
import pytest
import svy

from app.table.respondents import RecordMapping
from support.respondent_records import (
    NATION,
    OUTSIDE_NATION,
    Figures,
    Key,
    answer,
    each_respondent_a_unit,
    figures_of,
    keys_of,
    made_up,
    mapping,
    records_of,
    table_of,
)

CLOSE = 1e-9


def svy_figures(frame: pd.DataFrame, key: Key, sampled: Any, in_group: Any, unit: str | None) -> Figures:
    """Return what svy makes of the records that were sampled for a cell, those with an answer being a domain."""
    records = [record for record in records_of(frame) if sampled(record)]
    answers = [answer(record, key[0]) if in_group(record) else None for record in records]
    data = pl.DataFrame(
        {
            "stratum": [f"{record['state']}-{record['stratum']}" for record in records],
            "unit": [f"{record['state']}-{record['stratum']}-{record['unit']}" for record in records],
            "weight": [record["weight"] for record in records],
            "domain": ["outside" if value is None else "inside" for value in answers],
            "answer": [int(value or 0) for value in answers],
        }
    )
    design = svy.Design(stratum="stratum", psu=unit, wgt="weight", singleton="center")
    estimate = svy.Sample(data, design).estimation.prop("answer", by="domain")
    assert isinstance(estimate, svy.Estimate)
    found = estimate.to_polars()
    (row,) = found.filter((pl.col("domain") == "inside") & (pl.col("answer") == 1)).to_dicts()
    value, error, low, high = (100 * row[name] for name in ("est", "se", "lci", "uci"))
    return Figures(value, error, low, high, row["n"])


@pytest.mark.parametrize(("meaning", "unit"), [(mapping(), "unit"), (each_respondent_a_unit(), None)])
@pytest.mark.parametrize("lone_unit", [False, True])
def test_the_figures_are_those_of_svy(meaning: RecordMapping, unit: str | None, lone_unit: bool) -> None:
    frame = made_up(12_000, seed=11)  # enough for limits that are symmetric in the logit
    if lone_unit:
        frame.loc[frame["stratum"] == 1, "unit"] = 1
    found = figures_of(table_of(frame, meaning))
    compared = [keys for keys in keys_of([2018]) if keys[0][1] in {"Ohio", OUTSIDE_NATION, NATION}]
    for key, sampled, in_group in compared:
        expected = svy_figures(frame, key, sampled, in_group, unit)._replace(degrees=found[key].degrees)
        assert found[key] == pytest.approx(expected, rel=CLOSE), key
    assert len(compared) == 36
