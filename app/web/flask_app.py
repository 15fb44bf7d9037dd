"""Flask without what no route here uses: sessions, asynchronous views, matching by host, functions around the views of
one blueprint alone.

Flask looks for each of them with every request, which takes about half of its time for one. All of it is left out at
the places that Flask provides for being overridden.
"""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response
from flask.sessions import NullSession, SessionInterface
from flask.typing import ResponseReturnValue
from werkzeug.routing import MapAdapter

from app.web.support import ApiRequest, ApiResponse

NO_SESSION = NullSession()


class NoSessions(SessionInterface):
    """One empty session for all requests, never sent; writing to it is an error."""

    def open_session(self, app: Flask, request: Request) -> NullSession:
        """Return the empty session."""
        return NO_SESSION


class LeanFlask(Flask):
    """A Flask application that serves plain views under whatever name it is reached by."""

    request_class = ApiRequest
    response_class = ApiResponse
    session_interface = NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: there is no asynchronous one."""
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return what matches a request to a route: by its path and method alone."""
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

    def preprocess_request(self) -> ResponseReturnValue | None:
        """Call what is to be called before every view."""
        for function in self.before_request_funcs.get(None, ()):
            answer = function()
            if answer is not None:
                return answer  # type: ignore[return-value]  # no function is asynchronous
        return None

    def process_response(self, response: Response) -> Response:
        """Call what is to be called after every view, the last that was registered first.

        Nothing is called after one request alone: ``flask.after_this_request`` has no effect here.
        """
        for function in reversed(self.after_request_funcs.get(None, ())):
            response = function(response)
        return response

    def do_teardown_request(self, exc: BaseException | None = None) -> None:
        """Do nothing: no function waits for it."""
