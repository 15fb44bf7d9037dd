"""Write the report on respondents' records: tables of sizes and ratios, a picture of time and memory."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import altair as alt
import pandas as pd

from benchmarks.comparison import Comparison
from benchmarks.report import table_of
from benchmarks.watched import Run

TABLE_FILE, PICTURE_FILE = "scaling.md", "scaling.svg"
MILLION = 1_000_000
WIDTH_PIXELS, HEIGHT_PIXELS = 320, 240
OURS, RIVAL = "two Dask workers", "DuckDB, two threads"
COLOURS = ("#2b7bba", "#d9822b")  # distinguishable for colour-blind readers


@dataclass(frozen=True, slots=True)
class Point:
    """The runs over the records of one size, and the size of their files in bytes."""

    rows: int
    bytes: int
    ours: Run
    rival: Run


def write_report(folder: Path | None, points: Sequence[Point], compared: Sequence[Comparison]) -> str:
    """Return the report; if a folder is given, write it there with its picture."""
    text = "\n".join(
        [
            "# Respondents' records: time and memory",
            "",
            f"Written by `make bench_scaling` on {datetime.now(UTC):%Y-%m-%d}: Python {platform.python_version()},"
            f" {os.cpu_count()} cores, {platform.system()}. Only ratios taken in one run travel to another machine.",
            "",
            _sizes_table(points),
            "",
            "Seconds are from the first block to the whole table; in brackets those of the process, with the start of",
            "the cluster. Memory is that of all processes together, proportional set size, sampled ten times a second,",
            "in a run of its own: looking takes processor time.",
            "",
            table_of(compared),
            "",
            f"![Time and memory by number of records]({PICTURE_FILE})",
            "",
        ]
    )
    if folder is not None:
        (folder / TABLE_FILE).write_text(text, encoding="utf-8")
        _write_picture(folder / PICTURE_FILE, points)
    return text


def _sizes_table(points: Sequence[Point]) -> str:
    head = "| records | files | ours | memory | microseconds a record | DuckDB | memory |"
    lines = [head, "| --- | --- | --- | --- | --- | --- | --- |"]
    for point in points:
        ours, rival = point.ours, point.rival
        lines.append(
            f"| {point.rows / MILLION:g} million | {point.bytes / 1e6:,.0f} MB "
            f"| {ours.seconds:.1f} s ({ours.wall_seconds:.1f} s) | {ours.peak_mib:,.0f} MiB "
            f"| {1e6 * ours.seconds / point.rows:.2f} "
            f"| {rival.seconds:.1f} s ({rival.wall_seconds:.1f} s) | {rival.peak_mib:,.0f} MiB |"
        )
    return "\n".join(lines)


def _write_picture(path: Path, points: Sequence[Point]) -> None:
    frame = pd.DataFrame(
        [
            {"millions": point.rows / MILLION, "who": who, "seconds": run.seconds, "memory": run.peak_mib}
            for point in points
            for who, run in ((OURS, point.ours), (RIVAL, point.rival))
        ]
    )
    (_panel(frame, "seconds", "seconds") | _panel(frame, "memory", "MiB in all processes")).save(path)


def _panel(frame: pd.DataFrame, measure: str, title: str) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(frame)
        .mark_line(point=True)
        .encode(
            x=alt.X("millions:Q", title="million records"),
            y=alt.Y(f"{measure}:Q", title=title, scale=alt.Scale(zero=True)),
            color=alt.Color("who:N", title=None, sort=[OURS, RIVAL], scale=alt.Scale(range=list(COLOURS))),
        )
        .properties(width=WIDTH_PIXELS, height=HEIGHT_PIXELS)
    )
    return chart
