"""The files of a source: a single one, those of a folder or a pattern, on this machine or at an address."""

import glob
import hashlib
import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from app.errors import SourceError, one_line
from app.table.sources.addresses import Source, read_failure

TABLE_ENDINGS = (".csv", ".parquet", ".pq", ".gz", ".bz2", ".xz", ".zip", ".xpt")
EMPTY_FOLDER = f"the directory holds no table; expected files that end in {', '.join(TABLE_ENDINGS)}"
HIDDEN_MARKS = (".", "_")  # Spark and others write files such as _SUCCESS beside the parts of a table
NO_SUCH_FILE = "no such file; set STATS_DATA to the table's path"
PACKAGES_OF_MAKE_DASK = ("fsspec", "aiohttp", "s3fs")
WEB_SCHEMES = ("http", "https")
VERSION_FIELDS = ("ETag", "Last-Modified", "Content-MD5", "size")  # web servers change one of them with the content
CONNECT_SECONDS = 30.0
SILENCE_SECONDS = 60.0  # without a byte from a web server; the whole transfer has no limit


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source.

    Parameters
    ----------
    address: a path or an address to open, secrets included; not in ``repr``, which Dask logs
    display: the same for messages, without secrets
    size: in bytes, 0 when unknown
    version: a text that changes with the content; for a local file its size and modification time
    """

    address: str = field(repr=False)
    display: str
    size: int
    version: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.display).name

    @property
    def is_local(self) -> bool:
        """Whether it has a path on this machine."""
        return not Source(self.address).is_address

    def open(self) -> BinaryIO:
        """Open it for reading.

        Raises
        ------
        OSError: it cannot be opened
        """
        if self.is_local:
            return Path(self.address).open("rb")
        system, path = _file_system(Source(self.address))
        return cast("BinaryIO", system.open(path, "rb"))

    def content(self) -> bytes:
        """Return all its bytes, of a remote file with one request.

        Raises
        ------
        SourceError: it cannot be read
        """
        with translate_read_errors(self.display):
            if self.is_local:
                return Path(self.address).read_bytes()
            system, path = _file_system(Source(self.address))
            return cast("bytes", system.cat_file(path))


def find_files(source: Source) -> list[SourceFile]:
    """Return the files of a source sorted by name; at least one.

    Raises
    ------
    SourceError: there is none, or they cannot be reached
    """
    with translate_read_errors(source.display):
        files = _remote_files(source) if source.is_address else _local_files(source)
    if not files:
        raise SourceError(f"{source}: {NO_SUCH_FILE}")
    return files


@contextmanager
def translate_read_errors(display: str) -> Iterator[None]:
    """Turn whatever keeps the block from reading a source into a SourceError of one line.

    Parameters
    ----------
    display: the source in that line

    Raises
    ------
    SourceError: the block failed
    """
    try:
        yield
    except SourceError:
        raise
    except FileNotFoundError as error:
        # fsspec raises FileNotFoundError for any HTTP error, with that error as its cause.
        problem = NO_SUCH_FILE if error.__cause__ is None else f"cannot be read: {read_failure(error.__cause__)}"
        raise SourceError(f"{display}: {problem}") from error
    except ImportError as error:
        raise SourceError(f"{display}: {_missing_package(error)}") from error
    except Exception as error:  # each protocol's package has errors of its own
        raise SourceError(f"{display}: cannot be read: {read_failure(error)}") from error


def _missing_package(error: ImportError) -> str:
    """Name the package that an address needs, and say how to install it."""
    first = error.__cause__ if isinstance(error.__cause__, ImportError) else error
    name = str(first.name).partition(".")[0]
    hint = "install it with `make dask`" if name in PACKAGES_OF_MAKE_DASK else one_line(error)
    return f"this address needs the package {name}, which is not installed; {hint}"


def _local_files(source: Source) -> list[SourceFile]:
    path = Path(source.text)
    if path.is_dir():
        names = [str(entry) for entry in path.iterdir() if is_table_name(entry.name) and entry.is_file()]
        if not names:
            raise SourceError(f"{source}: {EMPTY_FOLDER}")
    elif not path.exists() and glob.has_magic(source.text):
        names = [name for name in glob.iglob(source.text, recursive=True) if Path(name).is_file()]  # noqa: PTH207
    else:
        names = [source.text]
    return [_local_file(name) for name in sorted(names)]


def _local_file(name: str) -> SourceFile:
    path = Path(name)
    status = path.stat()
    # Dask workers may run in another folder, so they get the absolute path.
    return SourceFile(str(path.absolute()), name, status.st_size, f"{status.st_size} {status.st_mtime_ns}")


def _remote_files(source: Source) -> list[SourceFile]:
    system, path = _file_system(source)
    system.invalidate_cache()  # fsspec caches listings, which may have changed since the last load
    if "*" in path.partition("?")[0]:
        entries = system.glob(path, detail=True).values()
    elif system.info(path).get("type") != "directory":
        return [_remote_file(system, source, path)]
    else:
        entries = [entry for entry in system.ls(path, detail=True) if is_table_name(PurePosixPath(entry["name"]).name)]
        if not entries:
            raise SourceError(f"{source}: {EMPTY_FOLDER}")
    paths = sorted(entry["name"] for entry in entries if entry["type"] != "directory")
    return [_remote_file(system, Source(system.unstrip_protocol(path)), path) for path in paths]


def _remote_file(system: Any, address: Source, path: str) -> SourceFile:
    info = system.info(path)
    is_web = address.scheme in WEB_SCHEMES
    version = [address.display, *map(info.get, VERSION_FIELDS)] if is_web else [system.ukey(path)]
    return SourceFile(address.text, address.display, int(info.get("size") or 0), " ".join(map(str, version)))


def _file_system(address: Source) -> tuple[Any, str]:
    """Return fsspec's file system for an address, and the path in it. Only addresses need fsspec."""
    options = _web_options() if address.scheme in WEB_SCHEMES else {}
    system, path = importlib.import_module("fsspec").core.url_to_fs(address.text, **options)
    return system, str(path)


def _web_options() -> dict[str, Any]:
    """Return the timeouts for large files: by default aiohttp ends any transfer after five minutes."""
    aiohttp = importlib.import_module("aiohttp")
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
    return {"client_kwargs": {"timeout": timeout}}


def is_table_name(name: str) -> bool:
    """Return whether a file in a folder counts as a part of the table. CDC's transport files' names end in a space."""
    return name.lower().rstrip().endswith(TABLE_ENDINGS) and not name.startswith(HIDDEN_MARKS)


def combined_sha256(digests: Sequence[tuple[str, str]]) -> str:
    """Return the SHA-256 of a source: of a single file its own, of several that of the lines ``<SHA-256>  <name>``.

    Parameters
    ----------
    digests: name and SHA-256 of each file, sorted by name
    """
    if len(digests) == 1:
        return digests[0][1]
    lines = "".join(f"{digest}  {name}\n" for name, digest in digests)
    return hashlib.sha256(lines.encode()).hexdigest()
