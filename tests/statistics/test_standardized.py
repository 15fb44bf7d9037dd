"""Prevalences standardised by age, as a client gets them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask import Flask

from app.settings import Settings
from app.table.engines import load_table
from support.real_server import PROJECT_ROOT
from support.respondent_records import figures_of
from support.small_survey import OBESITY
from tools.make_respondents import write_records

GENERATED = PROJECT_ROOT / "app" / "table" / "respondents" / "generated.toml"
SIZES = {"18 - 24": 26258, "25 - 34": 37233, "35 - 44": 44659, "45 - 54": 37030, "55 - 64": 23961, "65 or older": 34710}
TOTAL = ("Total", "Total")

Ask = Callable[..., Any]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return settings for records whose mapping also standardises strata of gender."""
    folder = tmp_path_factory.mktemp("source")
    write_records(folder / "records", 60_000, seed=3)
    mapping = folder / "records.toml"
    text = GENERATED.read_text(encoding="utf-8").replace("[standard]\n", '[standard]\nwithin = ["Gender"]\n')
    mapping.write_text(text, encoding="utf-8")
    return Settings(data=str(folder / "records"), mapping=mapping)


@pytest.fixture
def settings(settings: Settings, source: Settings) -> Settings:
    return settings.model_copy(update={"data": source.data, "mapping": source.mapping})


def test_a_standardised_figure_is_the_mean_of_the_ages_by_the_standard_population(ask: Ask, source: Settings) -> None:
    crude = figures_of(load_table(source.model_copy(update={"min_respondents": 1})))
    ages = [crude[(OBESITY, "National", 2019, "Age (years)", age)] for age in SIZES]
    (cell,) = ask("estimate", question="Q036", locations=["National"], years=[2019], standardize="age")["data"]
    expected = np.average([age.value for age in ages], weights=list(SIZES.values()))
    assert cell["value"] == pytest.approx(expected, rel=1e-9)
    assert cell["sample_size"] == sum(age.respondents for age in ages)
    (plain,) = ask("estimate", question="Q036", locations=["National"], years=[2019])["data"]
    assert plain["value"] == pytest.approx(crude[(OBESITY, "National", 2019, *TOTAL)].value, rel=1e-9)
    assert abs(plain["value"] - cell["value"]) > 0.01


def test_every_statistic_takes_it(ask: Ask) -> None:
    body = {"question": "Q036", "standardize": "age"}
    trend, plain = (ask("trend", state="National", **each) for each in (body, {"question": "Q036"}))
    assert trend["data"]["slope"]["value"] != plain["data"]["slope"]["value"]
    assert trend["provenance"]["filters"]["standardize"] == "age"
    assert any(note.startswith("standardised by age") for note in trend["provenance"]["notes"])
    assert not any("crude" in note for note in trend["provenance"]["notes"])
    assert any("crude" in note for note in plain["provenance"]["notes"])
    gender = {"category": "Gender"}
    groups = ask("disparity", state="National", years=[2019], stratification=gender, **body)["data"]["groups"]
    assert {group["stratum"] for group in groups} == {"Female", "Male"}
    means = [ask("state_mean", state="National", **each)["data"]["National"] for each in (body, {"question": "Q036"})]
    assert means[0] != means[1]


def test_a_category_that_is_not_standardised_is_refused(client: Any) -> None:
    assert client.get("/api/dataset").json["data"]["standardized"] == ["Gender", "Total"]
    body = {"question": "Q036", "standardize": "age", "stratification": {"category": "Race/Ethnicity"}}
    response = client.post("/api/estimate", json={**body, "by": ["location", "stratum"]})
    assert response.status_code == 400
    reason = response.json["reason"]
    assert reason == "the table has figures standardised by age for 'Gender', 'Total', not for 'Race/Ethnicity'"


def test_a_table_without_standardised_figures_refuses_them(
    settings: Settings, survey_file: Path, start_app: Callable[[Settings], Flask]
) -> None:
    published = settings.model_copy(update={"data": str(survey_file), "mapping": None})
    response = (
        start_app(published).test_client().post("/api/estimate", json={"question": OBESITY, "standardize": "age"})
    )
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["reason"].startswith('this table has no figures standardised by age: leave "standardize" out')


def test_an_age_group_without_respondents_suppresses_the_figure(source: Settings, tmp_path: Path) -> None:
    assert source.mapping is not None
    text = source.mapping.read_text(encoding="utf-8").replace('"18 - 24" = [1]', '"18 - 24" = [17]', 1)
    mapping = tmp_path / "no_young.toml"
    mapping.write_text(text, encoding="utf-8")
    table = load_table(source.model_copy(update={"mapping": mapping}))
    cells = table.questions[0].standardized
    assert cells is not None
    assert not cells.rows.any()
    assert {table.report.footnotes[code] for code in np.unique(cells.footnotes).tolist()} == {
        "Fewer than 50 respondents",
        "No respondents in an age group",
    }
