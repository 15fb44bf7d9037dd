"""Settings: read from the environment once, validated, immutable."""

import difflib
import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError

from app.errors import SettingsError, quoted

PROJECT_ROOT = Path(__file__).resolve().parent.parent
BUNDLED_TABLE = PROJECT_ROOT / "nutrition_activity_obesity_usa_subset.csv"
DOWNLOADED_TABLE = PROJECT_ROOT / "data" / "brfss.csv"
PREFIXES = ("STATS_", "TP_")
SECRET_NAMES = frozenset({"STATS_ADMIN_TOKEN"})
OTHER_PROGRAMS_NAMES = frozenset({"STATS_URL"})
STANDARD_OUTPUT = Path("-")  # as the log file
TOKEN = re.compile(r"[!-~]{8,}")
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


def _not_blank(value: object) -> object:
    """Reject an empty string, which would silently mean the current folder."""
    if isinstance(value, str) and not value.strip():
        raise PydanticCustomError("blank", "must not be empty")
    return value


def _address(value: object) -> object:
    """Reject values that cannot be a host name or address."""
    if isinstance(value, str) and not (value.isascii() and value.isprintable() and value.strip()):
        raise PydanticCustomError("address", "must be a host name or address")
    return value


def _may_exist(path: Path) -> bool:
    """Return whether a file exists; True if its folder is unreadable, so that reading the file reports the cause."""
    try:
        return path.is_file()
    except PermissionError:
        return True


def _source(value: object) -> object:
    """Convert a path to a string."""
    return str(value) if isinstance(value, Path) else value


def _scheduler(value: object) -> object:
    """Reject values that cannot be the address of a scheduler."""
    if isinstance(value, str) and not re.fullmatch(r"[a-z]+://[!-~]+:[0-9]+/?", value):
        raise PydanticCustomError("scheduler", "must be an address such as tls://10.0.0.5:8786")
    return value


def _split(value: object) -> object:
    """Split names separated by commas."""
    return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


def _origins(value: object) -> object:
    """Parse origins separated by commas, in the form in which a browser sends them."""
    origins = _split(value)
    if isinstance(value, str) and not all(map(ORIGIN.fullmatch, map(str.lower, cast("tuple[str, ...]", origins)))):
        raise PydanticCustomError("origins", "must be origins such as https://example.org, without a path")
    return tuple(map(str.lower, cast("tuple[str, ...]", origins)))


def _token(value: object) -> object:
    """Reject tokens that a header cannot carry, or that are soon guessed."""
    if isinstance(value, str) and not TOKEN.fullmatch(value):
        raise PydanticCustomError("token", "must be at least 8 visible ASCII characters, without spaces")
    return value


def _networks(value: object) -> object:
    """Parse IP addresses and networks separated by commas."""
    if not isinstance(value, str):
        return value
    try:
        return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
    except ValueError as error:
        raise PydanticCustomError("networks", "must be IP addresses or networks such as 10.0.0.0/8") from error


Address = Annotated[str, BeforeValidator(_address)]
SourceText = Annotated[str, BeforeValidator(_source), BeforeValidator(_not_blank)]
SchedulerAddress = Annotated[str, BeforeValidator(_scheduler)]
PathText = Annotated[Path, BeforeValidator(_not_blank)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]
Origins = Annotated[tuple[str, ...], BeforeValidator(_origins)]
Token = Annotated[SecretStr, BeforeValidator(_token)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_networks)]


class Settings(BaseModel):
    """The server's configuration.

    The alias of each field is its environment variable; its description is copied into docs/settings.md.
    Relative paths start at the working folder; the paths of the project's own tables are absolute.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_by_name=True, validate_by_alias=True)

    host: Address = Field("127.0.0.1", alias="STATS_HOST", description="address to listen on")
    port: int = Field(5000, alias="STATS_PORT", ge=1, le=65535, description="port to listen on")
    data: SourceText = Field(
        str(BUNDLED_TABLE),
        alias="STATS_DATA",
        description="the table: a file, a folder, a pattern such as `tables/*.parquet`, or an address; CSV, plain or "
        "compressed, or Parquet; by default `data/brfss.csv` if it exists, otherwise the bundled table",
    )
    mapping: PathText | None = Field(
        None,
        alias="STATS_MAPPING",
        description="a TOML file with the meaning of columns and codes, if the table holds records of respondents",
    )
    min_respondents: int = Field(
        50,
        alias="STATS_MIN_RESPONDENTS",
        ge=1,
        le=1_000_000,
        description="estimates from fewer respondents are suppressed, if the table holds records of respondents; the "
        "default is CDC's rule for BRFSS",
    )
    engine: Literal["auto", "pandas", "dask"] = Field(
        "auto",
        alias="STATS_ENGINE",
        description="engine that loads the table: `pandas`, `dask` or `auto`, which chooses Dask if the table, "
        "unpacked, is larger than a quarter of the memory, otherwise pandas",
    )
    dask_workers: int | None = Field(
        None,
        alias="STATS_DASK_WORKERS",
        ge=1,
        le=1024,
        description="processes that Dask starts while it reads; one for each core by default",
    )
    dask_worker_mib: int = Field(
        1024,
        alias="STATS_DASK_WORKER_MIB",
        ge=256,
        description="memory limit of each of these processes, in MiB",
    )
    dask_scheduler: SchedulerAddress | None = Field(
        None,
        alias="STATS_DASK_SCHEDULER",
        description="address of a running Dask scheduler such as `tls://10.0.0.5:8786`, to use instead of processes of "
        "its own",
    )
    results_dir: PathText = Field(
        Path("results"), alias="STATS_RESULTS_DIR", description="folder for result files and the journal"
    )
    log_file: PathText = Field(
        Path("webserver.log"), alias="STATS_LOG_FILE", description="the rotating log; `-` logs to standard output"
    )
    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1,
        alias="TP_NUM_OF_THREADS",
        ge=1,
        le=1024,
        description="number of `TaskRunner` threads",
    )
    one_core: Literal["yes", "no"] = Field(
        "yes",
        alias="STATS_ONE_CORE",
        description="`yes` pins all threads that run Python to one processor core: they take turns anyway, and "
        "switch faster there, while requests are received and responses sent on the other cores; `no` leaves it to "
        "the system",
    )
    drain_seconds: float = Field(
        30.0,
        alias="STATS_DRAIN_SECONDS",
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="how long a shutdown waits for accepted jobs, in seconds",
    )
    queue_size: int = Field(
        10_000,
        alias="STATS_QUEUE_SIZE",
        ge=1,
        le=10_000_000,
        description="maximum number of waiting jobs; further submissions get 503",
    )
    client_share: float = Field(
        0.5,
        alias="STATS_CLIENT_SHARE",
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="share of the waiting jobs that one client may have; its further submissions get 429",
    )
    admin_token: Token | None = Field(
        None,
        alias="STATS_ADMIN_TOKEN",
        description="bearer token required to shut down, cancel jobs and reload, at least 8 visible ASCII characters; "
        "without one, only the user that runs the server may, on its machine",
    )
    retention_jobs: int = Field(
        100_000, alias="STATS_RETENTION_JOBS", ge=1, description="how many finished jobs are kept"
    )
    retention_hours: float = Field(
        168.0,
        alias="STATS_RETENTION_HOURS",
        gt=0,
        allow_inf_nan=False,
        description="how long a finished job is kept, in hours",
    )
    retention_mib: int = Field(
        4096,
        alias="STATS_RETENTION_MIB",
        ge=1,
        le=1_000_000_000,
        description="how many MiB of results are kept; beyond it the jobs that ended first are removed",
    )
    tables_kept: int = Field(
        20,
        alias="STATS_TABLES_KEPT",
        ge=1,
        le=100_000,
        description="how many versions of the table are kept, the newest; those that kept jobs need stay beside them",
    )
    cache_mib: int = Field(
        128,
        alias="STATS_CACHE_MIB",
        ge=1,
        le=1_000_000,
        description="how many MiB of results and compressed responses are kept in memory; none that is longer than a "
        "sixteenth of it",
    )
    unread_mib: int = Field(
        64,
        alias="STATS_UNREAD_MIB",
        ge=1,
        le=1_000_000,
        description="how many MiB of long responses may be on their way to clients at a time; beyond it, and for one "
        "client beyond its `STATS_CLIENT_SHARE` of it, responses above 64 KiB get 503",
    )
    journal_sync: Literal["never", "second", "always"] = Field(
        "never",
        alias="STATS_JOURNAL_SYNC",
        description="when the journal is synced to disk: `never` (survives the death of the process), `second`, "
        "`always` (survives a loss of power)",
    )
    allowed_hosts: Names = Field(
        (),
        alias="STATS_ALLOWED_HOSTS",
        description="further host names of the server, separated by commas; requests under other names are refused, "
        "except under STATS_HOST, IP addresses and localhost",
    )
    allowed_origins: Origins = Field(
        (),
        alias="STATS_ALLOWED_ORIGINS",
        description="origins whose pages may use the API, separated by commas, for example https://example.org; such "
        "pages are never operators",
    )
    trusted_proxies: Networks = Field(
        (),
        alias="STATS_TRUSTED_PROXIES",
        description="IP addresses or networks of reverse proxies whose forwarding headers are believed, separated by "
        "commas; with one, operators need the token",
    )

    def source(self) -> str:
        """Return the configured table, else the downloaded one if it exists, else the bundled one.

        Call it before each load, because a table may have been downloaded since.
        """
        named = "data" in self.model_fields_set
        return str(DOWNLOADED_TABLE) if not named and _may_exist(DOWNLOADED_TABLE) else self.data


def settings_from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``environment`` (default: the process's own).

    Raises
    ------
    SettingsError: a value is invalid; the reason names the variable, the value and what is expected
    """
    environment = os.environ if environment is None else environment
    names = {str(field.alias) for field in Settings.model_fields.values()}
    try:
        return Settings.model_validate({name: environment[name] for name in names & environment.keys()})
    except ValidationError as error:
        raise SettingsError(_one_line(error.errors()[0])) from error


def unknown_settings(environment: Mapping[str, str]) -> list[str]:
    """Return a warning for each variable that looks like a setting but is not, such as a misspelt name."""
    names = {str(field.alias) for field in Settings.model_fields.values()}
    unknown = sorted(n for n in environment.keys() - names - OTHER_PROGRAMS_NAMES if n.startswith(PREFIXES))
    return [f"{name} is not a setting of this server{_hint(name, names)}" for name in unknown]


def _hint(name: str, names: set[str]) -> str:
    closest = difflib.get_close_matches(name, sorted(names), n=1)
    return f"; did you mean {closest[0]}?" if closest else ""


def _one_line(problem: Any) -> str:
    """Format a pydantic validation error as one line."""
    name = problem["loc"][0]
    value = "(not shown)" if name in SECRET_NAMES else quoted(str(problem["input"]))
    return f"setting {name}={value}: {problem['msg'][0].lower()}{problem['msg'][1:]}"
