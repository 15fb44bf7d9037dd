"""Serve the pages' styles, scripts and icon under addresses that change with their content, and the chart script."""

import hashlib
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from app.web.support import services, this_request

FOLDER = Path(__file__).parent / "static"
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
VERSION_CHARS = 12
YEAR_SECONDS = 365 * 86_400
DAY_SECONDS = 86_400

blueprint = Blueprint("static_files", __name__)


@blueprint.get("/static/<version>/<path:name>")
def static_file(version: str, name: str) -> Response:
    """Serve a style, script or icon; under the address of its current content, browsers cache it for good."""
    content = _files().get(name)
    if content is None:
        raise NotFound
    response = Response(content, mimetype=TYPES[Path(name).suffix])
    if version == _files_version():
        response.cache_control.public = response.cache_control.immutable = True
        response.cache_control.max_age = YEAR_SECONDS
    return response


@blueprint.get("/static/charts.js")
def charts_script() -> Response:
    """Serve the script that draws charts. The first request builds it, which takes a few seconds."""
    # Whoever loads the script requests a chart next: import Altair (0.6 s) now, not while the chart is awaited.
    import app.charts.drawing  # noqa: F401, PLC0415

    response = Response(services().pictures.page_script(), mimetype="text/javascript")
    response.add_etag()
    response.cache_control.max_age = DAY_SECONDS
    return response


def static_address(name: str) -> str:
    """Return the address of a file, which changes whenever any of the files does."""
    return f"{this_request().root_path}/static/{_files_version()}/{name}"


def charts_script_address() -> str:
    """Return the address of the chart script, which changes with the package it is built from."""
    return f"{this_request().root_path}/static/charts.js?v={_charts_version()}"


# The files are part of the program: every application of the process may share what is cached of them.


@lru_cache(maxsize=1)
def _files() -> dict[str, bytes]:
    """Read all files, by their names in the folder."""
    return {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in sorted(FOLDER.rglob("*.*"))}


@lru_cache(maxsize=1)
def _charts_version() -> str:
    return version("vl-convert-python")


@lru_cache(maxsize=1)
def _files_version() -> str:
    return hashlib.sha256(b"\0".join(_files().values())).hexdigest()[:VERSION_CHARS]
