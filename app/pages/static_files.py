"""The style and the scripts of the pages: files as they are, under an address that changes with them.

The script that draws charts is none of these files: it is made from a package.
"""

import hashlib
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from app.charts.pictures import vega_bundle
from app.web.support import this_request

FOLDER = Path(__file__).parent / "static"
SCRIPT_KEPT_SECONDS = 86_400
YEAR_SECONDS = 365 * 86_400
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
VERSION_CHARS = 12

blueprint = Blueprint("static_files", __name__)


@blueprint.get("/static/<version>/<path:name>")
def static_file(version: str, name: str) -> Response:
    """Give a file of the pages: style, script or icon; a browser keeps it for as long as its address is the same."""
    content = _files().get(name)
    if content is None:
        raise NotFound
    answer = Response(content, mimetype=TYPES[Path(name).suffix])
    if version == static_version():
        answer.cache_control.public = answer.cache_control.immutable = True
        answer.cache_control.max_age = YEAR_SECONDS
    return answer


@blueprint.get("/static/charts.js")
def charts_script() -> Response:
    """Give the script that draws charts in a page, made when it is first asked for."""
    content, tag = _script()
    answer = Response(content, mimetype="text/javascript")
    answer.set_etag(tag)
    answer.cache_control.max_age = SCRIPT_KEPT_SECONDS
    return answer


@lru_cache(maxsize=1)
def _script() -> tuple[bytes, str]:
    """Return the script and its tag. Whoever asks for it will ask for a chart next: Altair is imported too."""
    import_module("app.charts.drawing")
    content = vega_bundle()
    return content, hashlib.sha256(content).hexdigest()


@lru_cache(maxsize=1)
def _files() -> dict[str, bytes]:
    """Return the contents of the files by their names in the folder. Reads them all, once."""
    return {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in sorted(FOLDER.rglob("*.*"))}


@lru_cache(maxsize=1)
def static_version() -> str:
    """Return what tells the files of now from those of another version."""
    return hashlib.sha256(b"\0".join(_files().values())).hexdigest()[:VERSION_CHARS]


def static_address(name: str) -> str:
    """Return the address of a file of the pages."""
    return f"{this_request().root_path}/static/{static_version()}/{name}"


def charts_address() -> str:
    """Return the address of the script that draws charts, which changes with the package that it is made from."""
    return f"{this_request().root_path}/static/charts.js?v={_charts_version()}"


@lru_cache(maxsize=1)
def _charts_version() -> str:
    return version("vl-convert-python")
