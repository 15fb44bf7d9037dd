"""The options that say what is asked, and the fields of a request that they become.

Only a field that is given is sent: a server that does not know the others is asked nothing that it does not understand.
"""

import argparse
import json
import re
from typing import Any

from app.client.errors import UsageError

DIMENSIONS = ("location", "year", "category", "stratum")


def add_field_options(parser: argparse.ArgumentParser) -> None:
    """Add the options to the command that asks."""
    group = parser.add_argument_group("what is asked (names may be shortened)")
    group.add_argument("-q", "--question", metavar="TEXT", help="the question: its id, its text, or a part of that")
    group.add_argument("--other-question", metavar="TEXT", help="the question that it is set against")
    group.add_argument("-s", "--state", metavar="NAME", help="the location: its name, its abbreviation, or a part")
    group.add_argument("--years", type=years, metavar="YEARS", help="2015-2019, 2015-, -2019, or 2015,2017")
    group.add_argument("--category", metavar="NAME", help='the stratification category, such as "Age (years)"')
    group.add_argument("--stratum", metavar="NAME", help="the group of respondents within the category, such as Female")
    group.add_argument("--locations", type=names, metavar="NAMES", help="these locations alone: Ohio,Utah")
    group.add_argument("--exclude", type=names, metavar="NAMES", help="all but these locations: National")
    group.add_argument("--exclude-suppressed", action="store_true", help="leave out what has a footnote")
    group.add_argument("--best", choices=("min", "max"), help="which end of a ranking is good")
    group.add_argument("-n", "--number", type=int, metavar="N", help="how many places of a ranking")
    group.add_argument("--by", type=names, metavar="KEYS", help=f"what to tell apart, some of {','.join(DIMENSIONS)}")
    between = "what to compare: location=Ohio,Utah or year=2015,2019 or stratum=Female,Male"
    group.add_argument(
        "--field",
        type=field,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="another field of the statistic",
    )
    group.add_argument("--between", type=pair, metavar="PAIR", help=between)


def request_fields(options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of a request, those that are given.

    Raises
    ------
    UsageError: a stratum is given without its category
    """
    if options.stratum and not options.category:
        raise UsageError("--stratum needs the --category that it is one of")
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
        **dict(options.field),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _stratification(options: argparse.Namespace) -> dict[str, str] | None:
    parts = {"category": options.category, "value": options.stratum}
    return {name: part for name, part in parts.items() if part is not None} or None


def years(text: str) -> dict[str, int] | list[int]:
    """Return a range of years, either end of which may be open, or a list of them.

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
        raise argparse.ArgumentTypeError(f"{text!r} is neither a range such as 2015-2019 nor a list such as 2015,2017")
    return [int(year) for year in listed]


def names(text: str) -> list[str]:
    """Return names that are separated by commas, or by semicolons where a name holds commas itself.

    Raises
    ------
    argparse.ArgumentTypeError: there is none
    """
    found = [name.strip() for name in text.split(";" if ";" in text else ",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError("name at least one")
    return found


def pair(text: str) -> dict[str, list[Any]]:
    """Return the two that are compared, under what they are.

    Raises
    ------
    argparse.ArgumentTypeError: the text names no two of anything
    """
    kind, _, listed = text.partition("=")
    both = names(listed) if listed.strip() else []
    if len(both) != 2 or not kind:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form location=Ohio,Utah (or year=, or stratum=)")
    if kind == "year":
        return {kind: [_year(name) for name in both]}
    return {kind: both}


def field(text: str) -> tuple[str, Any]:
    """Return a field by name, with its value as JSON if it is JSON, or else as text.

    Raises
    ------
    argparse.ArgumentTypeError: the text has no name, or no "="
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} must have the form NAME=VALUE")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _year(text: str) -> int:
    if not re.fullmatch(r"\d{4}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no year")
    return int(text)
