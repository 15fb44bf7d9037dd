"""Check that no record of a respondent is given twice: it would count twice, and make errors too small."""

from collections import defaultdict

import numpy as np

from app.errors import SourceError
from app.table.keys import distinct_keys
from app.table.respondents.identifiers import LARGEST_WHOLE
from app.table.respondents.mapping import RecordMapping
from app.table.respondents.sums import UnitSums
from app.table.source_kind import Origin

REMEDY = "each respondent would count more than once; remove the files that hold the same records"


def check_given_once(mapping: RecordMapping, sums: UnitSums, origin: Origin) -> None:
    """Check that no two files are the same, and that no respondent's number comes twice in a location and year.

    Raises
    ------
    SourceError: one of them is; the reason names the files, or a respondent
    """
    names = defaultdict(list)
    for name, digest in origin.digests():
        names[digest].append(name)
    same = next((files for files in names.values() if len(files) > 1), None)
    if same is not None:
        raise SourceError(f"{origin.source}: the files {' and '.join(same)} are the same; {REMEDY}")
    _check_numbers(mapping, sums, origin)


def _check_numbers(mapping: RecordMapping, sums: UnitSums, origin: Origin) -> None:
    respondents = sums.respondents
    keys, key_of_record = distinct_keys([respondents.locations, respondents.years, respondents.numbers])
    repeated = key_of_record.size - keys[0].size
    if not repeated:
        return
    twice = int((np.bincount(key_of_record) > 1).argmax())
    location, year, number = (int(key[twice]) for key in keys)
    raise SourceError(
        f"{origin.source}: {repeated} records have the {mapping.design.respondent} of another record of the same "
        f"location and year, such as {_named(number)} in {list(mapping.location.names)[location]} in {year}; {REMEDY}"
    )


def _named(number: int) -> str:
    """Return a respondent's number for a message; of a text only a hash is known."""
    return str(number) if number < LARGEST_WHOLE else "one"
