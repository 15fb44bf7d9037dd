"""Write the report: a table and a picture of the ratios, and the conditions of the measurement."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.comparison import NOTHING, Comparison
from benchmarks.picture import write_picture

TABLE_FILE, PICTURE_FILE = "results.md", "results.svg"
HEAD = ("what", "ours", "rival", "ratio", "target", "reached")


def table_of(compared: Sequence[Comparison], head: Sequence[str] = HEAD) -> str:
    """Return the comparisons as a Markdown table; ``head`` replaces the default heading."""
    rows = [head, *(_cells(item) for item in compared)]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "| " + " | ".join("---" for _ in HEAD) + " |", *lines[1:]])


def write_report(folder: Path, compared: Sequence[Comparison]) -> None:
    """Write the table and the picture to a folder."""
    aims = [item for item in compared if item.target is not None]
    text = [
        "# Results of the benchmarks",
        "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: Python {platform.python_version()},"
        f" {os.cpu_count()} cores, {platform.system()}. Only ratios taken in one run travel to another machine.",
        "What is compared, and how, says [README.md](README.md).",
        "",
        f"{sum(item.reached is True for item in aims)} of {len(aims)} targets are reached.",
        "",
        table_of(compared),
        "",
        f"![How far each ratio is from its target]({PICTURE_FILE})",
        "",
    ]
    (folder / TABLE_FILE).write_text("\n".join(text), encoding="utf-8")
    write_picture(folder / PICTURE_FILE, aims)


def _cells(item: Comparison) -> tuple[str, ...]:
    reached = {None: NOTHING, True: "yes", False: "no"}[item.reached]
    return item.what, item.ours, item.rival, item.ratio_text, item.target_text, reached
