"""What Flask does and ours leaves out is used nowhere, and what is remembered of requests is what Flask would find."""

import pytest
from flask import Flask, Request

from app.web.support import ApiRequest
from support.real_server import PROJECT_ROOT

QUERY_STRINGS = ("", "wait=10", "a=1&a=2&b=", "text=%C3%A9+%2B&bad=%ff%zz", "=&&=1", "long=" + "x" * 100)


def test_no_function_is_called_around_the_views_of_one_blueprint_alone(app: Flask) -> None:
    assert set(app.before_request_funcs) == {None}
    assert set(app.after_request_funcs) == {None}
    assert not app.url_value_preprocessors
    assert not app.teardown_request_funcs
    assert not app.teardown_appcontext_funcs


def test_no_function_is_called_after_one_request_alone() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (PROJECT_ROOT / "app").rglob("*.py")]
    assert not [source for source in sources if "import after_this_request" in source]


@pytest.mark.parametrize("query_string", QUERY_STRINGS)
def test_arguments_are_those_that_flask_finds_at_each_time(query_string: str) -> None:
    environ = {"QUERY_STRING": query_string, "REQUEST_METHOD": "GET", "SERVER_NAME": "name", "SERVER_PORT": "80"}
    environ |= {"wsgi.url_scheme": "http"}
    expected = Request(environ).args
    for _ in range(2):
        assert ApiRequest(environ).args == expected
