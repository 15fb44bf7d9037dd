"""The settings: read from the environment once, checked, and never changed afterwards."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.errors import SettingsError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
PREFIX = "STATS_"
OTHER_PROGRAMS_NAMES = frozenset({"STATS_URL"})


class Settings(BaseModel):
    """What an operator can choose.

    The alias of each field is the name of its environment variable; its description is the text of the README's table.
    Relative paths are taken from the folder that the server is started in, except the bundled table.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    host: str = Field("127.0.0.1", alias="STATS_HOST", min_length=1, description="address to listen on")
    port: int = Field(5000, alias="STATS_PORT", ge=1, le=65535, description="port to listen on")
    data: Path = Field(
        PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv",
        alias="STATS_DATA",
        description="the table: a CSV file, plain or compressed, or a Parquet file",
    )
    results_dir: Path = Field(Path("results"), alias="STATS_RESULTS_DIR", description="folder of the result files")
    log_file: Path = Field(Path("webserver.log"), alias="STATS_LOG_FILE", description="the rotating log")
    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        alias="TP_NUM_OF_THREADS",
        ge=1,
        le=1024,
        description="`TaskRunner` threads",
    )
    drain_seconds: float = Field(
        30.0,
        alias="STATS_DRAIN_SECONDS",
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="the longest that a shutdown waits for accepted jobs, in seconds",
    )


def settings_from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``environment`` (default: the process's own).

    Raises
    ------
    SettingsError: a value makes no sense; the reason names the variable, the value and what was expected
    """
    environment = os.environ if environment is None else environment
    names = {str(field.alias) for field in Settings.model_fields.values()}
    try:
        return Settings.model_validate({name: environment[name] for name in names & environment.keys()})
    except ValidationError as error:
        raise SettingsError(_one_line(error.errors()[0])) from error


def unknown_settings(environment: Mapping[str, str]) -> list[str]:
    """Return a warning for each variable that looks like a setting and is none: most often a misspelt name."""
    names = {str(field.alias) for field in Settings.model_fields.values()}
    unknown = sorted(n for n in environment.keys() - names - OTHER_PROGRAMS_NAMES if n.startswith(PREFIX))
    return [f"{name} is not a setting of this server{_hint(name, names)}" for name in unknown]


def _hint(name: str, names: set[str]) -> str:
    closest = difflib.get_close_matches(name, sorted(names), n=1)
    return f"; did you mean {closest[0]}?" if closest else ""


def _one_line(problem: Any) -> str:
    """Put pydantic's account of one wrong value into a sentence."""
    name, value = problem["loc"][0], problem["input"]
    return f"setting {name}={value!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
