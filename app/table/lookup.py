"""Look up names that requests give: choose among several questions of one text, and explain unknown names."""

from collections.abc import Iterable, Mapping

from rapidfuzz import fuzz, process, utils

from app.errors import InvalidRequestError, join_first, quoted

MAX_SUGGESTIONS = 3
MAX_LISTED = 20
MAX_COMPARED_CHARS = 200  # bounds the time of a fuzzy match
LEAST_LIKENESS = 60.0  # of 100: below it, the closest name is probably not what was meant
AS_LIKELY = 10.0  # a name that is so much less like it than the closest one is not what was meant either
CRUDE = "crude"  # part of the names of value types that are used unless a request names another one


def choose_measure(names: Mapping[int, str | None], field: str, wanted: str | None, question: str) -> tuple[int, ...]:
    """Return the codes whose value type, or response, is the wanted one, or else the only one or the only crude one.

    Parameters
    ----------
    names: the value type or the response of each question of one text, by code
    field: the request's field for it
    question: the text, for messages

    Raises
    ------
    InvalidRequestError: no question has the wanted one, or none is wanted and there are several
    """
    known = list(dict.fromkeys(names.values()))
    if wanted is None:
        crude = [name for name in known if name and CRUDE in name.lower()]
        candidates = known if len(known) == 1 else crude
    else:
        candidates = [name for name in known if name == wanted]
    if len(candidates) == 1:
        return tuple(code for code, name in names.items() if name == candidates[0])
    noun, text = field.replace("_", " "), quoted(question)
    listed = join_first([quoted(name) for name in known if name], MAX_LISTED, "; ")
    if not listed:
        raise InvalidRequestError(f"this table has no {noun} for the question {text}; leave {field!r} out", field)
    if wanted is None:
        reason = f"the question {text} has several {noun}s; name one as {field!r}: {listed}"
        words = f"This question has several: {listed}. Choose one."
    else:
        reason = f"unknown {noun} {quoted(wanted)} of the question {text}; it has {listed}"
        words = f"This question has no {noun} {quoted(wanted)}."
    raise InvalidRequestError(reason, field, [name for name in known if name][:MAX_LISTED], words)


def unknown_name(noun: str, given: str, names: Iterable[str], hint: str, field: str) -> InvalidRequestError:
    """Return the error for an unknown name, with suggestions.

    Parameters
    ----------
    hint: ends the reason: how a program learns the names
    field: the request's field that gives the name
    """
    closest = process.extract(
        given[:MAX_COMPARED_CHARS],
        list(names),
        scorer=fuzz.WRatio,
        processor=utils.default_process,
        limit=MAX_SUGGESTIONS,
    )
    suggestions = "; ".join(quoted(name) for name, _, _ in closest) or "none, because the table has none"
    return InvalidRequestError(
        f"unknown {noun} {quoted(given)}; the closest are: {suggestions}. {hint}",
        field,
        [name for name, likeness, _ in closest if likeness >= max(LEAST_LIKENESS, closest[0][1] - AS_LIKELY)],
        f"{quoted(given)} is not a known {noun}.",
    )
