"""The memory rival: a process that has imported pandas and Flask and holds the needed columns of a table.

``python -m benchmarks.rivals.frame_holder <table>`` prints a line when it holds them, and waits for a signal.
"""

import signal
import sys
from pathlib import Path

import flask

from benchmarks.pandas_expressions import read_frame

if __name__ == "__main__":
    frame = read_frame(Path(sys.argv[1]))
    sys.stdout.write(f"{len(frame)} rows held beside {flask.__name__}\n")
    sys.stdout.flush()
    signal.pause()
