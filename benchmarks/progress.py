"""Print the progress of a benchmark."""

import sys


def print_now(line: str) -> None:
    """Print a line and flush it, so that it is visible immediately."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
