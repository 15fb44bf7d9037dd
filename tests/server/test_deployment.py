"""The files of deploy/ and the commands of docs/deployment.md: service, container, dashboard, backup and restore."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from support.load import CASES, Load, check_acknowledged, submit
from support.real_server import PROJECT_ROOT, running_server
from support.small_survey import OBESITY

DEPLOY = PROJECT_ROOT / "deploy"
GUIDE = (PROJECT_ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
SYSTEMD_ANALYZE = shutil.which("systemd-analyze") or ""
BUILDAH = shutil.which("buildah") or ""
BUSYBOX = shutil.which("busybox")
SHELL = "/bin/sh"
# A base image that has a shell and does nothing for Python: the instructions are tested, not the packages.
BASE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN printf '#!/bin/sh\\nexit 0\\n' > /bin/python3 && chmod 755 /bin/python3
"""
SERVER_USER = 10001
BUILD_SECONDS = 120
JOBS = 20


def commands(heading: str) -> list[str]:
    """Return the shell blocks under a heading of the guide."""
    part = GUIDE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", part, re.DOTALL)


@pytest.mark.skipif(not SYSTEMD_ANALYZE, reason="no systemd here: apt-get install systemd")
def test_the_service_is_a_valid_and_hardened_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "health-statistics.service").read_text(encoding="utf-8")
    path = tmp_path / "health-statistics.service"
    path.write_text(unit.replace("/opt/health-statistics", str(PROJECT_ROOT)), encoding="utf-8")
    verified = subprocess.run([SYSTEMD_ANALYZE, "verify", str(path)], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    command = [SYSTEMD_ANALYZE, "security", "--offline=true", "--threshold=20", str(path)]
    rated = subprocess.run(command, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout


class Buildah:
    """buildah with a storage of its own, on a machine that may allow neither mounts nor user namespaces."""

    def __init__(self, folder: Path) -> None:
        self._storage = ["--storage-driver", "vfs", "--root", str(folder / "root"), "--runroot", str(folder / "run")]

    def __call__(self, *arguments: str) -> str:
        """Run a command; return what it prints."""
        command = ["buildah", *self._storage, *arguments]
        environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        ended = subprocess.run(
            command,
            cwd=PROJECT_ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()


@pytest.fixture
def buildah(tmp_path: Path) -> Iterator[Buildah]:
    """buildah with the base image ``localhost/base``."""
    if not BUILDAH or BUSYBOX is None:
        pytest.skip("no buildah or no busybox here: apt-get install buildah busybox-static")
    if os.geteuid() != 0:
        pytest.skip("reading the files of an image needs root")
    base = tmp_path / "base"
    base.mkdir()
    shutil.copy(BUSYBOX, base / "busybox")
    (base / "Containerfile").write_text(BASE, encoding="utf-8")
    run = Buildah(tmp_path)
    run("build", "-q", "-t", "localhost/base", str(base))
    yield run
    run("rm", "--all")


def test_the_image_runs_code_that_it_cannot_change(buildah: Buildah) -> None:
    buildah("build", "-q", "-f", "deploy/Containerfile", "--build-arg", "BASE=localhost/base", "-t", "server", ".")
    config: Mapping[str, Any] = json.loads(buildah("inspect", "--type", "image", "server"))["OCIv1"]["config"]
    assert config["User"] == f"{SERVER_USER}:{SERVER_USER}"
    assert config["Entrypoint"] == ["python3", "api_server.py"]
    root = Path(buildah("mount", buildah("from", "server")))
    code = root / "opt" / "health-statistics"
    files = [code, *code.rglob("*")]
    assert {path.name for path in code.iterdir()} == {
        "api_server.py",
        "app",
        "client",
        "nutrition_activity_obesity_usa_subset.csv",
        "requirements.txt",
    }
    assert [path for path in files if path.stat().st_uid != 0 or path.stat().st_mode & 0o002] == []
    assert (root / "data").stat().st_uid == SERVER_USER


def test_every_metric_of_the_dashboard_exists(client: FlaskClient) -> None:
    client.post("/api/best5", json={"question": OBESITY})
    client.get("/api/get_results/job_id_1?wait=10")
    client.post("/api/best5", json={"question": "nonsense"})
    exposed = client.get("/metrics").text
    known = set(re.findall(r"^(stats_\w+)", exposed, re.MULTILINE)) | set(re.findall(r"# TYPE (stats_\w+)", exposed))
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = {name for expression in expressions for name in re.findall(r"stats_\w+", expression)}
    assert named - known == set()
    families = {name.removesuffix("_bucket") for name in named}
    assert {name for name in re.findall(r"# TYPE (stats_\w+)", exposed) if not name.endswith("_created")} == families


def test_a_backup_of_a_running_server_is_restored(tmp_path: Path) -> None:
    backup, restore = commands("Backup and restore")
    settings = {"STATS_RESULTS_DIR": str(tmp_path / "results")}
    with running_server(settings) as server:
        load, session = Load(), requests.Session()
        for case in CASES[:JOBS]:
            assert submit(session, server.address, case, load)
        subprocess.run([SHELL, "-e", "-c", backup], cwd=tmp_path, check=True)
    shutil.rmtree(tmp_path / "results")
    (tmp_path / "results").mkdir()
    subprocess.run([SHELL, "-e", "-c", restore], cwd=tmp_path, check=True)
    with running_server(settings) as server:
        assert check_acknowledged(server.address, load.acknowledged) == []
        next_job = requests.post(f"{server.address}/api/best5", json={"question": "Q036"}, timeout=10).json()
    assert next_job == {"job_id": f"job_id_{JOBS + 1}"}


def test_the_guide_names_every_file_of_the_folder() -> None:
    assert {path.name for path in DEPLOY.iterdir()} == set(re.findall(r"`deploy/([\w.-]+)`", GUIDE))


def test_the_command_for_a_token_prints_one_that_is_long_enough() -> None:
    (command,) = commands("Settings for a server behind a proxy")
    token = subprocess.run([SHELL, "-c", command], capture_output=True, text=True, check=True).stdout.strip()
    assert len(token) >= 32
