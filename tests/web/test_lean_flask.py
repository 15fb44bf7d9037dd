"""LeanFlask refuses, at registration, every feature of Flask that it would otherwise ignore."""

from collections.abc import Callable

import pytest
from flask import Blueprint, Flask, Response, after_this_request

from app.web.flask_app import LeanFlask


def plain_view() -> str:
    return "plain"


async def asynchronous_view() -> str:
    return "asynchronous"


@pytest.fixture
def lean() -> LeanFlask:
    """An application without routes."""
    return LeanFlask("lean", static_folder=None)


@pytest.mark.parametrize(
    "add_hook",
    [
        lambda blueprint: blueprint.before_request(lambda: None),
        lambda blueprint: blueprint.after_request(lambda response: response),
        lambda blueprint: blueprint.teardown_request(lambda error: None),
        lambda blueprint: blueprint.url_value_preprocessor(lambda endpoint, values: None),
    ],
    ids=["before_request", "after_request", "teardown_request", "url_value_preprocessor"],
)
def test_a_blueprint_with_hooks_of_its_own_is_refused(lean: LeanFlask, add_hook: Callable[[Blueprint], object]) -> None:
    blueprint = Blueprint("hooked", __name__)
    add_hook(blueprint)
    with pytest.raises(TypeError, match=r"does not support blueprint 'hooked' with .*; register"):
        lean.register_blueprint(blueprint)


def test_a_nested_blueprint_with_hooks_is_refused(lean: LeanFlask) -> None:
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    inner.before_request(lambda: None)
    outer.register_blueprint(inner)
    with pytest.raises(TypeError, match="does not support"):
        lean.register_blueprint(outer)


def test_application_hooks_of_a_blueprint_are_called(lean: LeanFlask) -> None:
    blueprint = Blueprint("hooked", __name__)
    blueprint.before_app_request(lambda: "from the hook")
    lean.register_blueprint(blueprint)
    lean.add_url_rule("/", view_func=plain_view)
    assert lean.test_client().get("/").text == "from the hook"


@pytest.mark.parametrize("hook", ["teardown_request", "url_value_preprocessor"])
def test_application_hooks_that_are_never_called_are_refused(lean: LeanFlask, hook: str) -> None:
    with pytest.raises(TypeError, match=f"does not support {hook}; "):
        getattr(lean, hook)(lambda *_: None)


@pytest.mark.parametrize("hook", ["teardown_app_request", "app_url_value_preprocessor"])
def test_application_hooks_that_a_blueprint_adds_are_refused_too(lean: LeanFlask, hook: str) -> None:
    blueprint = Blueprint("hooked", __name__)
    getattr(blueprint, hook)(lambda *_: None)
    with pytest.raises(TypeError, match="does not support"):
        lean.register_blueprint(blueprint)


def test_asynchronous_views_are_refused(lean: LeanFlask) -> None:
    with pytest.raises(TypeError, match=r"asynchronous view of /slow; write a plain function"):
        lean.add_url_rule("/slow", view_func=asynchronous_view)


@pytest.mark.parametrize("option", ["host", "subdomain"])
def test_routes_that_depend_on_the_host_are_refused(lean: LeanFlask, option: str) -> None:
    with pytest.raises(TypeError, match="match by path"):
        lean.add_url_rule("/", view_func=plain_view, **{option: "stats"})


def test_after_this_request_is_refused_when_it_is_called(lean: LeanFlask) -> None:
    def view() -> str:
        after_this_request(lambda response: response)
        return "never"

    lean.add_url_rule("/", view_func=view)
    lean.testing = True
    with pytest.raises(TypeError, match=r"after_this_request; set headers in the view"):
        lean.test_client().get("/")


def test_application_hooks_run_in_the_order_of_flask(lean: LeanFlask) -> None:
    def names_of(app: Flask) -> list[str]:
        names: list[str] = []

        def note(name: str) -> Callable[[Response], Response]:
            return lambda response: names.append(name) or response  # type: ignore[func-returns-value]

        for name in ("first", "second"):
            app.before_request(lambda name=name: names.append(f"before {name}"))
            app.after_request(note(f"after {name}"))
        app.add_url_rule("/", view_func=plain_view)
        assert app.test_client().get("/").text == "plain"
        return names

    assert (
        names_of(lean) == names_of(Flask("usual")) == ["before first", "before second", "after second", "after first"]
    )
