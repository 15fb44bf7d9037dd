"""Command-line options that become the fields of a request.

The client sends only the fields that are set, so that it also works with servers that do not support the others.
"""

import argparse
import json
import re
from typing import Any

from health_statistics.errors import UsageError

DIMENSIONS = ("location", "year", "category", "stratum")
RESERVED_NAMES = frozenset({"statistic", "timeout_seconds"})  # parameters of Client.run


def add_field_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of a command."""
    group = parser.add_argument_group("request (names may be shortened)")
    group.add_argument("-q", "--question", metavar="TEXT", help="the question: its id, its text, or part of its text")
    group.add_argument("--other-question", metavar="TEXT", help="the question to correlate it with")
    group.add_argument(
        "-s", "--state", metavar="NAME", help="the location: its name, abbreviation, or part of its name"
    )
    group.add_argument("--years", type=years, metavar="YEARS", help="2015-2019, 2015-, -2019, or 2015,2017")
    group.add_argument("--category", metavar="NAME", help='the stratification category, such as "Age (years)"')
    group.add_argument("--stratum", metavar="NAME", help="the group of respondents within the category, such as Female")
    group.add_argument("--locations", type=names, metavar="NAMES", help="only these locations: Ohio,Utah")
    group.add_argument("--exclude", type=names, metavar="NAMES", help="all but these locations: National")
    group.add_argument("--exclude-suppressed", action="store_true", help="leave out values with a footnote")
    group.add_argument("--best", choices=("min", "max"), help="which end of a ranking is good")
    group.add_argument("-n", "--number", type=int, metavar="N", help="length of a ranking")
    group.add_argument("--by", type=names, metavar="KEYS", help=f"a result for each of {','.join(DIMENSIONS)}")
    between = "what to compare: location=Ohio,Utah or year=2015,2019 or stratum=Female,Male"
    group.add_argument("--between", type=pair, metavar="PAIR", help=between)
    table = "a version of the table: previous, or the first 8 or more characters of its id"
    group.add_argument("--table", metavar="VERSION", help=table)
    as_of = "the table that the server had on this day (UTC): 2026-01-31, or at a time: 2026-01-31T12:00Z"
    group.add_argument("--as-of", metavar="DATE", help=as_of)
    other = "any other field of the statistic; repeat it for several"
    group.add_argument("--field", type=field, action="append", default=[], metavar="NAME=VALUE", help=other)


def request_fields(options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields that are set.

    Raises
    ------
    UsageError: a stratum is set without its category
    """
    if options.stratum and not options.category:
        raise UsageError("--stratum needs --category")
    fields = {
        "question": options.question,
        "other_question": options.other_question,
        "state": options.state,
        "years": options.years,
        "stratification": _stratification(options),
        "locations": options.locations,
        "exclude": options.exclude,
        "suppressed": "exclude" if options.exclude_suppressed else None,
        "best": options.best,
        "n": options.number,
        "by": options.by,
        "between": options.between,
        "table": options.table,
        "as_of": options.as_of,
        **dict(options.field),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _stratification(options: argparse.Namespace) -> dict[str, str] | None:
    parts = {"category": options.category, "value": options.stratum}
    return {name: part for name, part in parts.items() if part is not None} or None


def years(text: str) -> dict[str, int] | list[int]:
    """Parse a range of years, with open ends, or a list of years.

    Raises
    ------
    argparse.ArgumentTypeError: the text is neither
    """
    bounds = re.fullmatch(r"(\d{4})?-(\d{4})?", text.replace(" ", ""))
    if bounds and any(bounds.groups()):
        ends = zip(("from", "to"), bounds.groups(), strict=True)
        return {name: int(year) for name, year in ends if year}
    listed = names(text)
    if not all(re.fullmatch(r"\d{4}", year) for year in listed):
        raise argparse.ArgumentTypeError(f"{text!r} is not a range such as 2015-2019, nor a list such as 2015,2017")
    return [int(year) for year in listed]


def names(text: str) -> list[str]:
    """Parse names separated by commas, or by semicolons if a name contains commas.

    Raises
    ------
    argparse.ArgumentTypeError: the text contains no name
    """
    listed = [name.strip() for name in text.split(";" if ";" in text else ",") if name.strip()]
    if not listed:
        raise argparse.ArgumentTypeError("expected at least one name")
    return listed


def pair(text: str) -> dict[str, list[Any]]:
    """Parse the two sides of a comparison: a dimension and two of its values.

    Raises
    ------
    argparse.ArgumentTypeError: the text does not have this form
    """
    dimension, _, listed = text.partition("=")
    both = names(listed) if listed.strip() else []
    if len(both) != 2 or not dimension:
        raise argparse.ArgumentTypeError(f"{text!r} does not have the form location=Ohio,Utah (or year=…, stratum=…)")
    return {dimension: [_year(name) for name in both] if dimension == "year" else both}


def field(text: str) -> tuple[str, Any]:
    """Parse a field and its value, which is text if it is not valid JSON.

    Raises
    ------
    argparse.ArgumentTypeError: the text does not have this form, or the name cannot be a field
    """
    name, equals, value = text.partition("=")
    if not name or not equals or name in RESERVED_NAMES:
        raise argparse.ArgumentTypeError(f"{text!r} does not have the form NAME=VALUE with the name of a field")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _year(text: str) -> int:
    if not re.fullmatch(r"\d{4}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a year")
    return int(text)
