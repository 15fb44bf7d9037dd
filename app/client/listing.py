"""The commands that say what can be asked: statistics, questions, states, dataset."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from app.client.client import Client, StatisticInfo
from app.client.errors import BrokenAnswerError
from app.client.output import JSON, as_json, as_table, destination
from app.client.tables import Section, sections

SUCCESS = 0


def statistics(client: Client, options: argparse.Namespace) -> int:
    """List the statistics with the fields that a request for each takes."""
    known = client.statistics()
    if not known:
        raise BrokenAnswerError(f"{client.address} does not tell its statistics; GET / there lists its routes")
    write_records([_by_columns(statistic) for statistic in known], options)
    return SUCCESS


def questions(client: Client, options: argparse.Namespace) -> int:
    """List the questions."""
    listed = client.questions()
    if options.format == JSON:
        write_records(listed, options)
    else:
        write_records([_in_short(question) for question in listed], options)
    return SUCCESS


def states(client: Client, options: argparse.Namespace) -> int:
    """List the locations."""
    write_records(client.states(), options)
    return SUCCESS


def dataset(client: Client, options: argparse.Namespace) -> int:
    """Tell where the table comes from and what was made of its rows."""
    described = client.dataset()
    _write(described, list(sections(described)), options)
    return SUCCESS


def write_records(records: Sequence[dict[str, Any]], options: argparse.Namespace) -> None:
    """Write records that have the same fields, as a table or as JSON."""
    columns = tuple(records[0]) if records else ()
    _write(records, [Section("", columns, [tuple(record.values()) for record in records])] if records else [], options)


def _write(content: Any, found: Sequence[Section], options: argparse.Namespace) -> None:
    target = destination(options.format, options.output)
    target.write(as_json(content) if target.form == JSON else as_table(found, target.path).encode())


def _by_columns(statistic: StatisticInfo) -> dict[str, Any]:
    """Return a statistic with the longest text last."""
    fields = asdict(statistic)
    return {**{name: fields[name] for name in ("name", "needed", "optional")}, "summary": statistic.summary}


def _in_short(question: dict[str, Any]) -> dict[str, Any]:
    """Return what fits into a line of a table: the years as the first, the last and their number."""
    years = question["years"]
    span = f"{years[0]}-{years[-1]} ({len(years)})" if len(years) > 1 else ", ".join(map(str, years))
    return {"id": question["id"], "best": question["best"], "years": span, "question": question["question"]}
