"""Flask without what this server does not use, so that a request pays only for what it needs.

Flask looks up sessions, asynchronous views, host matching and the hooks of each blueprint for every request, which
takes an eighth more processor time (GET /api/num_jobs). ``LeanFlask`` leaves them out at the methods that Flask
provides for overriding, and raises an error at registration for everything that it would ignore.
"""

from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, NoReturn, cast

from flask import Blueprint, Flask, Request, Response
from flask.ctx import RequestContext
from flask.sessions import NullSession, SessionInterface
from flask.typing import ResponseReturnValue
from werkzeug.routing import MapAdapter

from app.web.connections import IN_PROGRESS, RequestsInProgress
from app.web.guard import OPERATOR_ONLY
from app.web.support import ApiRequest, ApiResponse, this_request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

NO_SESSION = NullSession()
IGNORED_HOOKS = ("teardown_request_funcs", "url_value_preprocessors")
HOOKS = ("before_request_funcs", "after_request_funcs", *IGNORED_HOOKS)


class NoSessions(SessionInterface):
    """One empty session for all requests; it is never sent, and writing to it raises an error."""

    def open_session(self, app: Flask, request: Request) -> NullSession:
        """Return the empty session."""
        return NO_SESSION


class LeanContext(RequestContext):
    """A request context that refuses ``flask.after_this_request``."""

    @property
    def _after_request_functions(self) -> NoReturn:
        _refuse("after_this_request", "set headers in the view, or use app.after_request")

    @_after_request_functions.setter
    def _after_request_functions(self, functions: list[Any]) -> None:
        """Drop the empty list that Flask assigns to each context."""


class LeanFlask(Flask):
    """A Flask application with synchronous views, application-wide hooks, and no sessions."""

    request_class = ApiRequest
    response_class = ApiResponse
    session_interface = NoSessions()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.extensions[IN_PROGRESS] = RequestsInProgress()

    def register_blueprint(self, blueprint: Blueprint, **options: Any) -> None:  # type: ignore[override]
        """Register a blueprint, as Flask does.

        Raises
        ------
        TypeError: it has hooks of its own, or hooks that are never called
        """
        super().register_blueprint(blueprint, **options)
        for hooks in HOOKS:
            for name, functions in getattr(self, hooks).items():
                if functions and (name is not None or hooks in IGNORED_HOOKS):
                    _refuse(
                        f"blueprint {blueprint.name!r} with {hooks}", "register before_request or after_request on app"
                    )

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        *args: Any,
        **options: Any,
    ) -> None:
        """Add a route, as Flask does, but without HEAD if only operators may use it.

        Flask adds HEAD to every route that takes GET. HEAD must be safe, and what operators do changes something.

        Raises
        ------
        TypeError: its view is asynchronous, or it depends on the host
        """
        if iscoroutinefunction(view_func):
            _refuse(f"asynchronous view of {rule}", "write a plain function")
        if options.get("subdomain") or options.get("host"):
            _refuse(f"subdomain or host of {rule}", "match by path")
        super().add_url_rule(rule, endpoint, view_func, *args, **options)
        if view_func is not None and hasattr(view_func, OPERATOR_ONLY):
            for added in self.url_map.iter_rules(endpoint or view_func.__name__):
                cast("set[str]", added.methods).discard("HEAD")

    def teardown_request(self, f: Any) -> NoReturn:
        """Refuse the hook. Raises TypeError."""
        _refuse("teardown_request", "use app.teardown_appcontext or app.after_request")

    def url_value_preprocessor(self, f: Any) -> NoReturn:
        """Refuse the hook. Raises TypeError."""
        _refuse("url_value_preprocessor", "convert the values in the view")

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function as it is: ``add_url_rule`` has refused asynchronous ones."""
        return func

    def request_context(self, environ: "WSGIEnvironment") -> RequestContext:
        """Return the context of a request."""
        return LeanContext(self, environ)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return the adapter that matches a request to a route by its path and method alone."""
        if request is None:
            return None
        environ = request.environ
        return MapAdapter(
            map=self.url_map,
            server_name=environ.get("HTTP_HOST") or environ["SERVER_NAME"],
            script_name=environ.get("SCRIPT_NAME", ""),
            subdomain="",
            url_scheme=environ["wsgi.url_scheme"],
            path_info=request.path,
            default_method=request.method,
            query_args=environ.get("QUERY_STRING", ""),
        )

    def full_dispatch_request(self) -> Response:
        """Compute the response to a request, which counts as in progress meanwhile."""
        in_progress: RequestsInProgress = self.extensions[IN_PROGRESS]
        address = this_request().environ.get("REMOTE_ADDR", "")
        in_progress.begin(address)
        try:
            return super().full_dispatch_request()
        finally:
            in_progress.end(address)

    def preprocess_request(self) -> ResponseReturnValue | None:
        """Call the application's before_request hooks; the first response ends the request."""
        for function in self.before_request_funcs.get(None, ()):
            response = function()
            if response is not None:
                return response  # type: ignore[return-value]  # no hook is asynchronous
        return None

    def process_response(self, response: Response) -> Response:
        """Call the application's after_request hooks, the last registered first."""
        for function in reversed(self.after_request_funcs.get(None, ())):
            response = function(response)
        return response

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """Do nothing: there are no teardown hooks."""


def _refuse(feature: str, instead: str) -> NoReturn:
    raise TypeError(f"LeanFlask does not support {feature}; {instead}")
