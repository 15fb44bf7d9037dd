"""The allocator returns the memory of long blocks, also with short ones between them."""

import platform
import subprocess
import sys

import pytest

from support.real_server import PROJECT_ROOT

BLOCKS, LONG_BYTES, SHORT_BYTES = 200, 512 * 1024, 16 * 1024
PROGRAM = f"""
from pathlib import Path
from app.process.memory import give_back_freed_memory

def resident_kib():
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])

give_back_freed_memory()
before = resident_kib()
bytes({LONG_BYTES}).upper()  # from the first such block that is freed, glibc would keep them all
kept = [(b"x" * {LONG_BYTES}, b"x" * {SHORT_BYTES}) for _ in range({BLOCKS})]
most = resident_kib()
kept = [short for _, short in kept]
print(most - before, resident_kib() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_freed_blocks_return_to_the_system_although_short_ones_between_them_stay() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    most, left = map(int, result.stdout.split())
    print(f"\n{most} KiB at most, {left} KiB are left")
    assert most > BLOCKS * LONG_BYTES / 1024
    assert left < most / 10
