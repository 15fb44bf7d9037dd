"""The files that a source stands for: a path, a folder, a pattern, or any address that fsspec opens."""

import glob
import hashlib
import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from app.errors import SourceError
from app.table.sources.addresses import is_address, one_line, scheme_of, without_secrets

TABLE_ENDINGS = (".csv", ".parquet", ".pq", ".gz", ".bz2", ".xz", ".zip")
EMPTY_FOLDER = f"is a directory without a table in it: no {', '.join(TABLE_ENDINGS)}"
HIDDEN_MARKS = (".", "_")  # what Spark and others put beside the parts of a table begins so
NO_SUCH_FILE = "no such file; set STATS_DATA to the table's path"
OF_MAKE_DASK = ("fsspec", "aiohttp", "s3fs")
WEB_SCHEMES = ("http", "https")
WEB_MARKS = ("ETag", "Last-Modified", "Content-MD5", "size")  # of which one differs, most often, once the content does
CONNECT_SECONDS = 30.0
SILENCE_SECONDS = 60.0  # after which a web server is given up; how long it takes in all has no limit


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source.

    Parameters
    ----------
    address: how it is opened; not in ``repr``, which Dask logs
    shown: how it is named in messages, without a password or a token
    size: in bytes, 0 where that cannot be known
    changed: what differs once its content does; of a file on this machine that is its size and time of change
    """

    address: str = field(repr=False)
    shown: str
    size: int
    changed: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.shown).name

    @property
    def is_local(self) -> bool:
        """Whether it is reached by a path of this machine."""
        return not is_address(self.address)

    def open(self) -> BinaryIO:
        """Open it to be read.

        Raises
        ------
        OSError: it cannot be opened
        """
        if self.is_local:
            return Path(self.address).open("rb")
        system, path = _opened(self.address)
        return cast("BinaryIO", system.open(path, "rb"))

    def content(self) -> bytes:
        """Return all of it, which of a file elsewhere is one request.

        Raises
        ------
        SourceError: it cannot be read
        """
        with reachable(self.shown):
            if self.is_local:
                return Path(self.address).read_bytes()
            system, path = _opened(self.address)
            return cast("bytes", system.cat_file(path))


def find_files(source: str) -> list[SourceFile]:
    """Return the files of a source in the order of their names; at least one.

    Raises
    ------
    SourceError: there is none, or they cannot be reached
    """
    shown = without_secrets(source)
    with reachable(shown):
        found = _remote_files(source) if is_address(source) else _local_files(source)
    if not found:
        raise SourceError(f"{shown}: {NO_SUCH_FILE}")
    return found


@contextmanager
def reachable(shown: str) -> Iterator[None]:
    """Tell of whatever keeps a source from being read in one sentence.

    Raises
    ------
    SourceError: the block has failed
    """
    try:
        yield
    except SourceError:
        raise
    except FileNotFoundError as error:
        problem = NO_SUCH_FILE if error.__cause__ is None else f"cannot be read: {one_line(error.__cause__)}"
        raise SourceError(f"{shown}: {problem}") from error
    except ImportError as error:
        raise SourceError(f"{shown}: a package is missing that such addresses need: {_missing(error)}") from error
    except Exception as error:  # what a protocol's package raises is its own affair
        raise SourceError(f"{shown}: cannot be read: {one_line(error)}") from error


def _missing(error: ImportError) -> str:
    """Say which package an address needs, and how it is installed."""
    first = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    name = str(first.name).partition(".")[0]
    return f"{name}; " + ("install it by `make dask`" if name in OF_MAKE_DASK else one_line(error))


def _local_files(source: str) -> list[SourceFile]:
    path = Path(source)
    if path.is_dir():
        found = [str(part) for part in path.iterdir() if is_table_name(part.name) and part.is_file()]
        if not found:
            raise SourceError(f"{source}: {EMPTY_FOLDER}")
    elif not path.exists() and glob.has_magic(source):
        found = [name for name in glob.iglob(source, recursive=True) if Path(name).is_file()]  # noqa: PTH207
    else:
        found = [source]
    return [_local_file(name) for name in sorted(found)]


def _local_file(name: str) -> SourceFile:
    path = Path(name)
    status = path.stat()
    return SourceFile(str(path.absolute()), name, status.st_size, f"{status.st_size} {status.st_mtime_ns}")


def _remote_files(source: str) -> list[SourceFile]:
    system, path = _opened(source)
    system.invalidate_cache()  # what it has listed before may have changed since
    if "*" in path.partition("?")[0]:
        found = system.glob(path, detail=True).values()
    elif system.info(path).get("type") != "directory":
        return [_remote_file(system, source, path)]
    else:
        found = [part for part in system.ls(path, detail=True) if is_table_name(PurePosixPath(part["name"]).name)]
        if not found:
            raise SourceError(f"{without_secrets(source)}: {EMPTY_FOLDER}")
    paths = sorted(part["name"] for part in found if part["type"] != "directory")
    return [_remote_file(system, system.unstrip_protocol(part), part) for part in paths]


def _remote_file(system: Any, address: str, path: str) -> SourceFile:
    about, shown = system.info(path), without_secrets(address)
    marks = [shown, *map(about.get, WEB_MARKS)] if scheme_of(address) in WEB_SCHEMES else [system.ukey(path)]
    return SourceFile(address, shown, int(about.get("size") or 0), " ".join(map(str, marks)))


def _opened(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it."""
    options = _web_options() if scheme_of(address) in WEB_SCHEMES else {}
    system, path = _fsspec().core.url_to_fs(address, **options)
    return system, str(path)


def _web_options() -> dict[str, Any]:
    """Return what lets a large table take its time: without it, aiohttp gives up after five minutes in all."""
    aiohttp = importlib.import_module("aiohttp")
    limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
    return {"client_kwargs": {"timeout": limits}}


def _fsspec() -> Any:
    """Return fsspec, which only addresses need."""
    return importlib.import_module("fsspec")


def is_table_name(name: str) -> bool:
    """Tell whether a file in a folder is taken for a part of the table."""
    return name.lower().endswith(TABLE_ENDINGS) and not name.startswith(HIDDEN_MARKS)


def digest_of(digests: Sequence[tuple[str, str]]) -> str:
    """Return the SHA-256 of a source, given the names of its files and the SHA-256 of each."""
    if len(digests) == 1:
        return digests[0][1]
    lines = "".join(f"{digest}  {name}\n" for name, digest in digests)
    return hashlib.sha256(lines.encode()).hexdigest()


def source_name(source: str) -> str:
    """Return what a source is called in the report: the last part of its path, never anything secret."""
    shown = without_secrets(source)
    return PurePosixPath(shown.rstrip("/")).name or shown
