"""SAS transport files are read as they are published, by pandas and by Dask."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.errors import SourceError
from app.settings import Settings
from app.table.engines import load_table
from app.table.sources import transport
from app.table.sources.addresses import Source
from app.table.sources.blocks import read_block, split_file
from app.table.sources.files import find_files, is_table_name
from app.table.sources.parser import Layout, read_source
from support.real_server import PROJECT_ROOT
from support.respondent_records import figures_of
from support.transport_files import write_transport_file

MAPPING = PROJECT_ROOT / "app" / "table" / "respondents" / "brfss.toml"
LAYOUT = Layout(needed=("_STATE", "SEQNO", "_LLCPWT"), optional=("NAME", "NONE"))


def small() -> pd.DataFrame:
    """Return numbers of all sizes, a missing one, and texts of several lengths."""
    return pd.DataFrame(
        {
            "_STATE": [39.0, 49.0, np.nan, 1.0, -2.5],
            "SEQNO": ["2019000001", "2019000002", "2019000003", "2019000004", "2019000005"],
            "_LLCPWT": [0.1, 1234.56789, 1e-9, 1e12 / 3, 0.0],
            "NAME": ["é", "", "two words", "x", "y"],
            "OTHER": [1.0] * 5,
        }
    )


def test_a_transport_file_has_the_fields_that_were_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "records.xpt"
    write_transport_file(path, small())
    for rows in (2, 20_000):
        monkeypatch.setattr(transport, "ROWS_AT_ONCE", rows)
        frame = read_source(path.read_bytes(), "records.xpt", LAYOUT)
        assert frame.rows == 5
        np.testing.assert_allclose(frame.numbers("_STATE"), small()["_STATE"], rtol=1e-15)
        np.testing.assert_allclose(frame.numbers("_LLCPWT"), small()["_LLCPWT"], rtol=1e-15)
        assert frame.numbers("_LLCPWT")[4] == 0
        codes, names = frame.distinct("NAME")
        assert [names[code] for code in codes] == small()["NAME"].tolist()
        assert frame.missing_optional == {"NONE"}
        assert "OTHER" not in frame.table.column_names


def test_a_local_transport_file_is_one_block_whose_bytes_are_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "records.xpt"
    write_transport_file(path, small())
    (file,) = find_files(Source(str(path)))
    (block,) = split_file(file, block_bytes=100)
    monkeypatch.delattr(type(file), "content")
    assert read_block(block, LAYOUT).numbers("_STATE")[0] == 39


def test_names_of_transport_files_may_end_in_a_space() -> None:
    assert is_table_name("LLCP2019.XPT ")
    assert is_table_name("llcp2019.xpt")


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "records.xpt"
    write_transport_file(path, small().drop(columns="SEQNO"))
    with pytest.raises(SourceError, match=r"records\.xpt: missing needed columns SEQNO; found: _STATE, _LLCPWT, NAME"):
        read_source(path.read_bytes(), "records.xpt", LAYOUT)
    with pytest.raises(SourceError, match=r"records\.xpt: cannot be read as a table: "):
        read_source(path.read_bytes()[:300], "records.xpt", LAYOUT)


NAMES_BY_YEAR = {
    2011: ("SEX", "INCOME2", "RACE2"),
    2013: ("SEX", "INCOME2", "_RACE"),
    2018: ("SEX1", "INCOME2", "_RACE"),
    2021: ("SEXVAR", "INCOME3", "_RACE"),
    2022: ("SEXVAR", "INCOME3", "_RACE1"),
    2023: ("SEXVAR", "INCOME3", "_RACE"),
}
RACES = [
    "Non-Hispanic White",
    "Non-Hispanic Black",
    "American Indian/Alaska Native",
    "Asian",
    "Hawaiian/Pacific Islander",
]
RACES += ["Other", "2 or more races", "Hispanic"]
OLD_RACES = [*RACES[:2], RACES[3], RACES[4], RACES[2], *RACES[5:]]


def year_of_records(year: int) -> pd.DataFrame:
    """Return as many people of each race as its code, and nobody of another race in 2022, by the year's names."""
    sex, income, race = NAMES_BY_YEAR[year]
    codes = [float(code) for code in range(1, 10) for _ in range(code) if not (code == 6 and race == "_RACE1")]
    rows = len(codes)
    return pd.DataFrame(
        {
            "_STATE": np.full(rows, 39.0),
            "SEQNO": [f"{year}{number:06d}" for number in range(rows)],
            "_LLCPWT": np.full(rows, 1.5),
            "_STSTR": np.full(rows, 39_011.0),
            "_BMI5CAT": np.arange(rows) % 4 + 1.0,
            "_TOTINDA": np.arange(rows) % 2 + 1.0,
            "_AGEG5YR": np.arange(rows) % 13 + 1.0,
            "_EDUCAG": np.full(rows, 1.0),
            sex: np.arange(rows) % 2 + 1.0,
            income: np.full(rows, 5.0),
            race: codes,
        }
    )


@pytest.mark.parametrize("engine", ["pandas", "dask"])
def test_files_of_all_years_are_read_with_the_bundled_mapping(tmp_path: Path, engine: str) -> None:
    for year in NAMES_BY_YEAR:
        path = tmp_path / f"LLCP{year}.XPT "
        write_transport_file(path, year_of_records(year))
        if year == 2013:  # as CDC packs them
            with zipfile.ZipFile(tmp_path / "LLCP2013XPT.zip", "w") as archive:
                archive.write(path, path.name)
            path.unlink()
    settings = Settings(data=str(tmp_path), mapping=MAPPING, min_respondents=1, engine=engine, dask_workers=1)
    table = load_table(settings)
    assert table.report.years == tuple(NAMES_BY_YEAR)
    found = figures_of(table)
    for year, (_, _, name) in NAMES_BY_YEAR.items():
        for code, race in enumerate(OLD_RACES if name == "RACE2" else RACES, 1):
            key = ("Percent of adults who engage in no leisure-time physical activity", "Ohio", year)
            figures = found.get((*key, "Race/Ethnicity", race))
            assert (figures.respondents if figures else 0) == (0 if name == "_RACE1" and code == 6 else code)
