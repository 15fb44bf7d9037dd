"""Describing a view costs a request nothing."""

from app.web.api_description import describe, description_of, json_of
from app.web.guard import protected


def view() -> str:
    """Return a word."""
    return "word"


def test_a_described_view_is_the_same_function() -> None:
    described = describe(json_of(str), errors=(404,))(view)
    assert described is view
    description = description_of(described)
    assert description is not None
    assert description.errors == (404,)


def test_protection_keeps_the_description_of_the_view_that_it_wraps() -> None:
    described = describe(json_of(int))(lambda: "word")
    assert description_of(protected(described)) is description_of(described) is not None


def test_a_view_without_a_description_has_none() -> None:
    assert description_of(lambda: "word") is None
