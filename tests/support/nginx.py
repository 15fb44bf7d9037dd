"""nginx as deploy/nginx.conf configures it, on a free port in front of a server."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from support.real_server import HOST, PROJECT_ROOT, free_port

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
NO_NGINX = "no nginx here: apt-get install nginx"
CONFIGURATION = PROJECT_ROOT / "deploy" / "nginx.conf"
TEMPORARY_PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
START_SECONDS = 10.0
PAUSE_SECONDS = 0.05


def configuration(folder: Path, port: int, backend: str, edits: Mapping[str, str]) -> str:
    """Return the configuration with its port, its backend and its folders replaced, and further texts by ``edits``."""
    paths = "".join(f"    {name}_temp_path {folder}/{name};\n" for name in TEMPORARY_PATHS)
    replacements = {
        # Started by root, it would become another user, who cannot write to the folder.
        "user www-data;\n": "daemon off;\n" + ("user root;\n" if os.geteuid() == 0 else ""),
        "/run/nginx.pid": f"{folder}/nginx.pid",
        "/var/log/nginx": str(folder),
        "127.0.0.1:5000": urlsplit(backend).netloc,
        "listen 80 ": f"listen {HOST}:{port} ",
        "http {\n": f"http {{\n{paths}",
        **edits,
    }
    text = CONFIGURATION.read_text(encoding="utf-8")
    for old, new in replacements.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def running_nginx(folder: Path, backend: str, edits: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """Run nginx in front of a server until the block ends; give its address without a slash at the end.

    Parameters
    ----------
    folder: for its configuration, logs and temporary files
    backend: the base address of the server
    edits: texts of the configuration to replace, as a user edits it
    """
    assert NGINX is not None
    port = free_port()
    path = folder / "nginx.conf"
    path.write_text(configuration(folder, port, backend, edits), encoding="utf-8")
    process = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(path), "-e", str(folder / "error.log")])
    try:
        _wait_until_it_listens(port)
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait_until_it_listens(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE_SECONDS)
        else:
            return
