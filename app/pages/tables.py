"""The pages of the table's versions: a list of them, and what changed between two."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from flask import Blueprint, Response, request

from app.errors import ServiceError
from app.pages.html import page, problem_page, see_other
from app.pages.static_files import charts_script_address
from app.routes.tables import FORMAT_NAMES, requested_comparison, version_named
from app.versions.change_records import (
    CellChange,
    change_records,
    counts_of,
    limits_words,
    number_words,
    place_words,
    question_words,
    sentence,
    side_words,
)
from app.versions.changes import Comparison
from app.versions.version import TableVersion, served_before
from app.web.guard import protected
from app.web.support import services

LISTED_CHANGES = 100

blueprint = Blueprint("tables_page", __name__, url_prefix="/tables")
blueprint.register_error_handler(ServiceError, problem_page)


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of the table in the list; ``replaced`` is the kept version that was served before it."""

    version: TableVersion
    is_current: bool
    replaced: TableVersion | None


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change in words; the pairs are of the old and the new version."""

    change: CellChange
    place: str
    question: str
    difference: str
    values: tuple[str, str]
    limits: tuple[str, str]


@blueprint.get("")
def tables() -> Response:
    """Show the kept versions of the table, the one that was served last first."""
    parts = services()
    versions, current = parts.tables.versions(), parts.ingestor.table.id
    rows = [VersionRow(each, each.id == current, served_before(versions, each.id)) for each in versions]
    return page("tables.html", rows=rows)


@blueprint.post("/<table_id>/remove")
@protected
def remove(table_id: str) -> Response:
    """Remove a version of the table; the page's button without JavaScript."""
    services().remove_table(version_named(table_id).id)
    return see_other("/tables")


@blueprint.get("/<table_id>/changes")
def changes(table_id: str) -> Response:
    """Show what changed since an earlier version: in a sentence, a chart, by question and year, and cell by cell."""
    new, versions = version_named(table_id), services().tables.versions()
    others = [version for version in versions if version.id != new.id]
    if not request.args.get("since") and served_before(versions, new.id) is None:
        return page("changes.html", new=new, others=others, old=None)
    comparison = requested_comparison(table_id)
    return page(
        "changes.html",
        new=new,
        others=others,
        old=services().tables.find(comparison.old_id),
        comparison=comparison,
        sentence=sentence(comparison),
        counts=[(question_words(count), count) for count in counts_of(comparison)],
        rows=list(_rows(comparison)),
        address=f"/api/tables/{comparison.new_id}/changes",
        since=f"since={comparison.old_id}",
        formats=FORMAT_NAMES,
        charts_script_address=charts_script_address,
        number_words=number_words,
    )


def _rows(comparison: Comparison) -> Iterator[ChangeRow]:
    for change in change_records(comparison, np.arange(min(comparison.size, LISTED_CHANGES))):
        sides = change.old, change.new
        yield ChangeRow(
            change,
            place_words(change),
            question_words(change),
            difference="" if change.difference is None else number_words(change.difference, "+"),
            values=(side_words(sides[0]), side_words(sides[1])),
            limits=(limits_words(sides[0]), limits_words(sides[1])),
        )
