"""Settings: defaults, parsing of environment variables, and messages about invalid values."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from app.errors import SettingsError
from app.settings import PROJECT_ROOT, Settings, settings_from_environment, unknown_settings

# The contract's table of settings; paths are given as text.
CONTRACT_DEFAULTS: dict[str, str | float | None] = {
    "STATS_HOST": "127.0.0.1",
    "STATS_PORT": 5000,
    "STATS_DATA": str(PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv"),
    "STATS_RESULTS_DIR": "results",
    "STATS_LOG_FILE": "webserver.log",
    "TP_NUM_OF_THREADS": os.cpu_count(),
    "STATS_QUEUE_SIZE": 10_000,
    "STATS_DRAIN_SECONDS": 30,
    "STATS_ADMIN_TOKEN": None,
    "STATS_RETENTION_JOBS": 100_000,
    "STATS_RETENTION_HOURS": 168,
    "STATS_JOURNAL_SYNC": "never",
    "STATS_ONE_CORE": "yes",
    "STATS_ENGINE": "auto",
    "STATS_DASK_SCHEDULER": None,
}
FURTHER_DEFAULTS = {
    "STATS_TRUSTED_PROXIES": (),
    "STATS_ALLOWED_HOSTS": (),
    "STATS_ALLOWED_ORIGINS": (),
}
READ = {
    "STATS_HOST": ("0.0.0.0", "0.0.0.0"),  # noqa: S104 - nothing is bound to it here
    "STATS_PORT": ("8080", 8080),
    "STATS_DATA": ("tables/survey.csv.gz", "tables/survey.csv.gz"),
    "STATS_RESULTS_DIR": ("answers", Path("answers")),
    "STATS_LOG_FILE": ("logs/server.log", Path("logs/server.log")),
    "TP_NUM_OF_THREADS": ("3", 3),
    "STATS_DRAIN_SECONDS": ("0.5", 0.5),
    "STATS_QUEUE_SIZE": ("500", 500),
    "STATS_ADMIN_TOKEN": ("a-token-of-some-length", SecretStr("a-token-of-some-length")),
    "STATS_RETENTION_JOBS": ("10", 10),
    "STATS_RETENTION_HOURS": ("0.25", 0.25),
    "STATS_JOURNAL_SYNC": ("always", "always"),
    "STATS_ONE_CORE": ("no", "no"),
    "STATS_ENGINE": ("dask", "dask"),
    "STATS_DASK_WORKERS": ("2", 2),
    "STATS_DASK_WORKER_MIB": ("512", 512),
    "STATS_DASK_SCHEDULER": ("tcp://10.0.0.5:8786", "tcp://10.0.0.5:8786"),
    "STATS_ALLOWED_HOSTS": ("a.example, b.example,", ("a.example", "b.example")),
    "STATS_ALLOWED_ORIGINS": ("https://a.example", ("https://a.example",)),
    "STATS_TRUSTED_PROXIES": ("127.0.0.1, fd00::/8,", (ip_network("127.0.0.1"), ip_network("fd00::/8"))),
}
LIMITS = [
    *[("STATS_PORT", text) for text in ("1", "65535")],
    *[("TP_NUM_OF_THREADS", text) for text in ("1", "1024")],
    *[("STATS_DRAIN_SECONDS", text) for text in ("0", "86400")],
    *[("STATS_QUEUE_SIZE", text) for text in ("1", "10000000")],
    ("STATS_RETENTION_JOBS", "1"),
]
INVALID = [
    *[("STATS_HOST", text) for text in ("", "  ")],
    *[
        ("STATS_PORT", text)
        for text in ("", "http", "0", "-1", "65536", "1.5", "1e3", "5000x", "\u0665\u0660", "9" * 5000)
    ],
    *[("TP_NUM_OF_THREADS", text) for text in ("", "all", "0", "-4", "1025", "2.5", "true", "nan")],
    *[("STATS_DRAIN_SECONDS", text) for text in ("", "soon", "-0.1", "86401", "nan", "inf", "-inf", "1e999", "30s")],
    *[("STATS_QUEUE_SIZE", text) for text in ("", "many", "0", "-1", "10000001", "1.5")],
    *[("STATS_RETENTION_JOBS", text) for text in ("", "all", "0", "-1", "0.5", "inf")],
    *[("STATS_RETENTION_HOURS", text) for text in ("", "week", "0", "-1", "nan", "inf", "1e999")],
    *[("STATS_ONE_CORE", text) for text in ("", "1", "No")],
    *[("STATS_JOURNAL_SYNC", text) for text in ("", "Never", "daily", "always ")],
    *[("STATS_DATA", text) for text in ("", "  ")],
    *[("STATS_ENGINE", text) for text in ("", "Dask", "duckdb")],
    *[("STATS_DASK_WORKERS", text) for text in ("", "0", "1025", "1.5")],
    *[("STATS_DASK_WORKER_MIB", text) for text in ("", "255", "1GB")],
    *[("STATS_DASK_SCHEDULER", text) for text in ("", "10.0.0.5:8786", "tcp://10.0.0.5", "tcp://a b:1", "x://a:1\nb")],
    *[("STATS_RESULTS_DIR", text) for text in ("", "  ")],
    *[("STATS_LOG_FILE", text) for text in ("", "  ")],
    *[
        ("STATS_ALLOWED_ORIGINS", text)
        for text in ("example.org", "*", "null", "https://example.org/", "https://a b", "https://a,b", "a:1")
    ],
    *[("STATS_TRUSTED_PROXIES", text) for text in ("nginx", "10.0.0.1/8", "10.0.0.1;10.0.0.2", "*")],
    *[("STATS_PORT", text) for text in ("80\nforged", "80\rforged", "80\u2028forged", "80\x85forged", "80\x1b[2J")],
]


def by_variable(settings: Settings) -> dict[str, Any]:
    """Return the value of each setting by the name of its variable."""
    return {str(field.alias): getattr(settings, name) for name, field in Settings.model_fields.items()}


def test_every_default_is_that_of_the_contract() -> None:
    defaults = by_variable(settings_from_environment({}))
    actual = {name: str(value) if isinstance(value, Path) else value for name, value in defaults.items()}
    expected = {**CONTRACT_DEFAULTS, **FURTHER_DEFAULTS}
    known = expected.keys() & actual.keys()
    assert {name: actual[name] for name in known} == {name: expected[name] for name in known}


def test_no_setting_has_disappeared() -> None:
    assert READ.keys() <= by_variable(settings_from_environment({})).keys()


@pytest.mark.parametrize(("cores", "threads"), [(7, 7), (None, 1)])
def test_the_default_number_of_threads_is_that_of_the_cores_or_one_if_unknown(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, threads: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert settings_from_environment({}).threads == threads


def test_the_default_table_does_not_depend_on_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Path(settings_from_environment({}).data).is_file()


@pytest.mark.parametrize("name", READ)
def test_a_setting_is_read_from_its_variable_and_changes_no_other(name: str) -> None:
    text, value = READ[name]
    defaults = by_variable(settings_from_environment({}))
    assert by_variable(settings_from_environment({name: text})) == {**defaults, name: value}


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (text, _) in READ.items():
        monkeypatch.setenv(name, text)
    found = by_variable(settings_from_environment())
    assert {name: found[name] for name in READ} == {name: value for name, (_, value) in READ.items()}


@pytest.mark.parametrize(("name", "text"), LIMITS)
def test_a_value_at_its_limit_is_accepted(name: str, text: str) -> None:
    assert by_variable(settings_from_environment({name: text}))[name] == int(text)


@pytest.mark.parametrize(("name", "text"), INVALID)
def test_an_invalid_value_is_rejected_in_one_line_that_names_variable_and_value(name: str, text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from_environment({name: text})
    reason = caught.value.reason
    assert len(reason.splitlines()) == 1
    assert name in reason
    assert repr(text)[:100] in reason
    assert reason.partition(": ")[2]


@limits(deadline=None)
@given(name=st.sampled_from(sorted(READ)), text=st.text())
def test_any_value_is_accepted_or_rejected_in_one_line(name: str, text: str) -> None:
    reason = name
    try:
        settings_from_environment({name: text})
    except SettingsError as error:
        reason = error.reason
    assert name in reason
    assert len(reason.splitlines()) == 1


@pytest.mark.parametrize("name", ["STATS_PORT", "STATS_HOST"])
def test_bytes_that_are_not_text_are_rejected(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settings_from_environment({name: os.fsdecode(b"\xff\xfe")})


@pytest.mark.parametrize("token", ["", "secret", "se\ncret", "a long secret", "secret-gehe\u00efm", "long-secret\n"])
def test_a_token_that_is_too_short_or_that_no_header_can_carry_is_rejected_and_not_shown(token: str) -> None:
    with pytest.raises(SettingsError, match="STATS_ADMIN_TOKEN") as caught:
        settings_from_environment({"STATS_ADMIN_TOKEN": token})
    assert "cret" not in caught.value.reason
    assert "at least 8 visible ASCII characters, without spaces" in caught.value.reason
    assert len(caught.value.reason.splitlines()) == 1


def test_the_token_is_not_shown_with_the_settings() -> None:
    settings = settings_from_environment({"STATS_ADMIN_TOKEN": "a-token-of-some-length"})
    assert "of-some-length" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_a_very_long_value_is_shown_shortened() -> None:
    with pytest.raises(SettingsError) as caught:
        settings_from_environment({"STATS_PORT": "x" * 100_000})
    assert len(caught.value.reason) < 1000


@pytest.mark.parametrize("name", ["PORT", "HOST", "port", "threads", "stats_port", "STATS_PORT_", "FLASK_RUN_PORT"])
def test_nothing_else_in_the_environment_matters(name: str) -> None:
    assert settings_from_environment({name: "nonsense"}) == settings_from_environment({})


@pytest.mark.parametrize("name", Settings.model_fields)
def test_settings_cannot_be_changed(name: str) -> None:
    settings = settings_from_environment({})
    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings, name, getattr(settings, name))


def test_a_setting_that_does_not_exist_cannot_be_made() -> None:
    with pytest.raises(ValidationError, match="prot"):
        Settings.model_validate({"prot": 5000})


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    assert Settings.model_fields[name].description


@pytest.mark.parametrize(
    ("misspelt", "meant"),
    [
        ("STATS_PROT", "STATS_PORT"),
        ("STATS_HOSTS", "STATS_HOST"),
        ("STATS_LOGFILE", "STATS_LOG_FILE"),
        ("STATS_RESULT_DIR", "STATS_RESULTS_DIR"),
        ("STATS_DRAIN_SECOND", "STATS_DRAIN_SECONDS"),
        ("TP_NUM_THREADS", "TP_NUM_OF_THREADS"),
    ],
)
def test_a_misspelt_name_gets_a_warning_with_the_closest_name(misspelt: str, meant: str) -> None:
    (warning,) = unknown_settings({misspelt: "1", "PATH": "somewhere"})
    assert misspelt in warning
    assert f"did you mean {meant}?" in warning


def test_an_unknown_name_without_a_close_match_gets_a_warning_without_a_guess() -> None:
    (warning,) = unknown_settings({"STATS_XYZZY_QUUX_FROB": "1"})
    assert "STATS_XYZZY_QUUX_FROB" in warning
    assert "did you mean" not in warning


def test_warnings_are_sorted_by_name() -> None:
    warnings = unknown_settings({"STATS_PROT": "1", "STATS_DATEN": "2", "STATS_HOTS": "3"})
    assert [warning.split()[0] for warning in warnings] == ["STATS_DATEN", "STATS_HOTS", "STATS_PROT"]


def test_settings_and_variables_of_other_programs_get_no_warning() -> None:
    right = {name: text for name, (text, _) in READ.items()}
    assert unknown_settings({**right, "PATH": "x", "HOME": "y", "STATSD_HOST": "z", "PORT": "1"}) == []


def test_a_removed_setting_gets_a_warning() -> None:
    (warning,) = unknown_settings({"STATS_DATA_URL": "https://a.example/rows.csv"})
    assert "STATS_DATA_URL is not a setting" in warning
