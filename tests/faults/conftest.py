"""Fixtures of the fault tests."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 mebibytes; the test is skipped if none can be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["/usr/bin/env", "mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by the superuser only; the limit on file size stands in for it")
    yield folder
    subprocess.run(["/usr/bin/env", "umount", "-l", str(folder)], check=True)
