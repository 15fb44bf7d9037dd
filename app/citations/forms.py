"""The three forms of a citation: text, BibTeX, and an item of CSL-JSON."""

import re
from typing import Any

from app.citations.source import CitedSource
from app.queries.provenance import NAME, VERSION
from app.table.dataset import Dataset

# BibTeX counts braces even behind a backslash, so none may stand alone.
LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    **{char: f"\\{char}" for char in "$&#_%"},
}
SPECIAL = re.compile("|".join(map(re.escape, LATEX)))


def citation_of(source: CitedSource) -> dict[str, Any]:
    """Return the citation of a source in all forms, JSON-ready."""
    return {"text": text_of(source), "bibtex": bibtex_of(source), "csl": csl_of(source)}


def text_of(source: CitedSource) -> str:
    """Return a citation as a paragraph of plain text."""
    dataset = source.dataset
    sentences = [
        f"{dataset.publisher}." if dataset.publisher else "",
        f"{source.title} [{_name(dataset)}].",
        source.computation,
        source.address or "",
        f"(accessed {source.accessed})." if source.accessed else "",
    ]
    return " ".join(filter(None, sentences))


def bibtex_of(source: CitedSource) -> str:
    """Return a citation as an entry for BibTeX and biblatex, in UTF-8."""
    dataset = source.dataset
    fields = {
        # The inner braces keep the name of an organization whole, and the case of the title.
        "author": f"{{{_latex(dataset.publisher)}}}" if dataset.publisher else None,
        "title": f"{{{_latex(source.title)}}}",
        "year": dataset.first_loaded[:4],
        "howpublished": _latex(_name(dataset)),
        "version": source.table_id,
        "note": _latex(source.computation),
        "url": source.address,  # is verbatim: no special character in it needs a backslash
        "urldate": source.accessed,
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value is not None]
    return "@misc{{{},\n{}\n}}\n".format(source.key, ",\n".join(lines))


def csl_of(source: CitedSource) -> dict[str, Any]:
    """Return a citation as an item of CSL-JSON."""
    dataset = source.dataset
    item = {
        "id": source.key,
        "type": "dataset",
        "title": source.title,
        "author": [{"literal": dataset.publisher}] if dataset.publisher else None,
        "publisher": dataset.publisher,
        "number": dataset.id,
        "archive_location": dataset.address,
        "issued": _date(dataset.first_loaded),
        "version": source.table_id,
        "source": f"{NAME} {VERSION}",
        "note": source.computation,
        "URL": source.address,
        "accessed": _date(source.accessed) if source.accessed else None,
    }
    return {name: value for name, value in item.items() if value is not None}


def _name(dataset: Dataset) -> str:
    """Return the kind of the source, with the dataset's id and the address of its page where they are known."""
    return ", ".join(filter(None, ("Data set" + (f" {dataset.id}" if dataset.id else ""), dataset.address)))


def _latex(text: str) -> str:
    return SPECIAL.sub(lambda found: LATEX[found[0]], " ".join(text.split()))


def _date(date: str) -> dict[str, list[list[int]]]:
    return {"date-parts": [[int(part) for part in date.split("-")]]}
