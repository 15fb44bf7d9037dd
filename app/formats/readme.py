"""The README of a result's archive: what was computed, from what, and what the columns mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from app.citations.source import WARNING
from app.formats.meanings import meaning_of

LINE_CHARS = 96
UNKNOWN = "not known any more: the version of the table that the result was computed over is not kept"
FILES = {
    "data.csv": "the result: a line for each figure; UTF-8, a comma between fields",
    "metadata.json": "its columns and its source for programs, by the W3C's CSV on the Web",
    "citation.bib": "how to cite the result, for BibTeX",
    "citation.csl.json": "the same for reference managers, in CSL-JSON",
}


@dataclass(frozen=True, slots=True)
class Contents:
    """What the README describes.

    Parameters
    ----------
    title: of the result
    request: the statistic and its body
    columns: those of the CSV file
    files: those of the archive beside the README
    provenance: where the figures come from; empty if that is not known
    citation: as text; None for a result without one
    """

    title: str
    request: str
    columns: Sequence[str]
    files: Sequence[str]
    provenance: Mapping[str, Any]
    citation: str | None


def readme_of(contents: Contents) -> str:
    """Return the text of the README."""
    provenance = contents.provenance
    sections = [
        _section(contents.title, _entries({"Request": contents.request, **_facts(provenance)})),
        _section("Notes", [line for note in provenance.get("notes", ()) for line in _wrapped(f"- {note}")]),
        _section("Files", _entries({name: FILES[name] for name in contents.files})),
        _section("Columns of data.csv", _entries({name: meaning_of(name) or "" for name in contents.columns})),
        _section("Citation", _wrapped(contents.citation or "")),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _facts(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Return where the figures come from, by heading."""
    if not provenance:
        return {"Source": UNKNOWN}
    table, server = provenance["table"], provenance.get("server")
    sides = [provenance, *([provenance["other"]] if provenance.get("other") else [])]
    named = [table.get("title"), table.get("publisher"), table.get("dataset_id") and f"data set {table['dataset_id']}"]
    facts = {
        "WARNING": WARNING if table["modelled"] else "",
        "Question": "; ".join(dict.fromkeys(side["question"] for side in sides)),
        "Years": "; ".join(dict.fromkeys(", ".join(map(str, side["years"])) for side in sides)),
        "Filters": "; ".join(dict.fromkeys(_filters(side["filters"]) for side in sides)),
        "Unit": "; ".join(dict.fromkeys(side["unit"] for side in sides if "unit" in side)),
        "Rows used": "; ".join(str(side["rows_used"]) for side in sides),
        "Source": "; ".join(filter(None, named)),
        "File": f"{table['source']}, SHA-256 {table['sha256']}",
        "Version": f"{table['id']}, first loaded {table['vintage']['first_loaded']}" if "vintage" in table else "",
        "Computed by": f"{server['name']} {server['version']}" if server else "",
    }
    return {name: text for name, text in facts.items() if text}


def _filters(filters: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {filter_text(value)}" for name, value in filters.items() if name != "years")


def filter_text(value: Any) -> str:
    """Return the value of a filter, as provenance has it, as text."""
    if not isinstance(value, list):
        return str(value)
    return ", ".join(": ".join(item.values()) if isinstance(item, Mapping) else str(item) for item in value)


def _section(heading: str, lines: Sequence[str]) -> list[str]:
    return [heading, "-" * len(heading), *lines] if lines else []


def _entries(named: Mapping[str, str]) -> list[str]:
    return [line for name, text in named.items() for line in _wrapped(f"{name}: {text}" if text else name)]


def _wrapped(text: str) -> list[str]:
    """Return the lines of a text; addresses and names are not broken."""
    return wrap(text, LINE_CHARS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
