"""Convert between the form's fields, which are also those of a page's address, and request bodies.

A field is a text, or several of one name. A list of places is one text, separated by commas; a stratum is
``category|stratum``; years are ``from`` and ``to``, or ``years`` if some in between are missing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson

from app.queries.bodies import QuestionBody, used_fields

Fields = Mapping[str, Sequence[str]]

STRATUM_SEPARATOR = "|"
LIST_SEPARATOR = ","
FIRST_YEAR, LAST_YEAR = "from", "to"
EMPTY: tuple[Any, ...] = ("", [], {})  # not 0 and not false, which are values


def body_of(fields: Fields, model: type[QuestionBody]) -> dict[str, Any]:
    """Return the request body that the form describes: the filled-in fields, of those that the model has."""
    values = {name: parse(fields) for name, parse in PARSERS.items() if name in used_fields(model)}
    values |= {name: _by_type(_text(fields, name), schema) for name, schema in own_fields(model).items()}
    return {name: value for name, value in values.items() if value not in EMPTY or (name == "by" and name in fields)}


def own_fields(model: type[QuestionBody]) -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each field for which the form has no ready-made input."""
    names = used_fields(model).keys() - PARSERS.keys()
    return {name: model.model_json_schema()["properties"][name] for name in sorted(names)}


def fields_of(statistic: str, body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the form's fields for a request body, the inverse of ``body_of``."""
    fields = {"statistic": [statistic]}
    for name, value in body.items():
        for field, text in SERIALIZERS.get(name, _serialize_text)(name, value):
            fields.setdefault(field, []).append(text)
    return fields


def address_of(fields: Fields) -> str:
    """Return the address of the page that shows the form with these fields."""
    return "/?" + urlencode([(name, text) for name, texts in fields.items() for text in texts])


def _text(fields: Fields, name: str) -> str:
    return next(iter(fields.get(name, ())), "").strip()


def _number(text: str) -> int | str:
    """Return a whole number; other text stays, so that the validation of the body names it in its error."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text


def _by_type(text: str, schema: Mapping[str, Any]) -> Any:
    """Parse a text as JSON unless the schema wants a string; invalid text stays, for the validation to name it."""
    if not text or schema.get("type") == "string":
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _list(fields: Fields, name: str) -> list[str]:
    parts = [part.strip() for text in fields.get(name, ()) for part in text.split(LIST_SEPARATOR)]
    return [part for part in parts if part]


def _years(fields: Fields) -> Any:
    single = [_number(year) for year in _list(fields, "years")]
    ends = {name: _text(fields, name) for name in (FIRST_YEAR, LAST_YEAR)}
    return single or {name: _number(year) for name, year in ends.items() if year}


def _stratification(fields: Fields) -> dict[str, str]:
    category, _, stratum = _text(fields, "stratification").partition(STRATUM_SEPARATOR)
    return {name: text for name, text in (("category", category), ("value", stratum)) if text}


def _between(fields: Fields) -> dict[str, list[Any]]:
    dimension = _text(fields, "between")
    pair = [_text(fields, name) for name in ("a", "b")]
    return {dimension: [_number(text) if dimension == "year" else text for text in pair]} if dimension else {}


PARSERS: Mapping[str, Callable[[Fields], Any]] = {
    "question": lambda fields: _text(fields, "question"),
    "other_question": lambda fields: _text(fields, "other_question"),
    "state": lambda fields: _text(fields, "state"),
    "years": _years,
    "stratification": _stratification,
    "locations": lambda fields: _list(fields, "locations"),
    "exclude": lambda fields: _list(fields, "exclude"),
    "suppressed": lambda fields: _text(fields, "suppressed"),
    "standardize": lambda fields: _text(fields, "standardize"),
    "best": lambda fields: _text(fields, "best"),
    "n": lambda fields: _number(_text(fields, "n")),
    "by": lambda fields: _list(fields, "by"),
    "between": _between,
    "table": lambda fields: _text(fields, "table"),
    "as_of": lambda fields: _text(fields, "as_of"),
}


def _serialize_text(name: str, value: Any) -> Iterator[tuple[str, str]]:
    yield name, str(value)


def _serialize_boxes(name: str, values: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Yield a field for each ticked box; an empty one says that none is ticked, unlike the form's default."""
    yield from ((name, str(value)) for value in values or [""])


def _serialize_list(name: str, values: Sequence[Any]) -> Iterator[tuple[str, str]]:
    yield name, f"{LIST_SEPARATOR} ".join(map(str, values))


def _serialize_years(name: str, years: Any) -> Iterator[tuple[str, str]]:
    if isinstance(years, Mapping):
        yield from ((end, str(year)) for end, year in years.items() if year is not None)
    elif sorted(years) == list(range(min(years), max(years) + 1)):
        yield from ((FIRST_YEAR, str(min(years))), (LAST_YEAR, str(max(years))))
    else:
        yield from _serialize_list(name, years)


def _serialize_stratum(name: str, stratum: Mapping[str, str | None]) -> Iterator[tuple[str, str]]:
    yield name, STRATUM_SEPARATOR.join(filter(None, (stratum["category"], stratum.get("value"))))


def _serialize_pair(name: str, between: Mapping[str, Sequence[Any]]) -> Iterator[tuple[str, str]]:
    for dimension, (first, second) in between.items():
        yield from ((name, dimension), ("a", str(first)), ("b", str(second)))


SERIALIZERS: Mapping[str, Callable[[str, Any], Iterator[tuple[str, str]]]] = {
    "years": _serialize_years,
    "stratification": _serialize_stratum,
    "locations": _serialize_list,
    "exclude": _serialize_list,
    "by": _serialize_boxes,
    "between": _serialize_pair,
}
