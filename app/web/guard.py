"""Access control: operators, protection against cross-site requests, and security headers.

A page of another site could make a visitor's browser send requests to a server on the visitor's own machine. ``Host``
reveals a foreign name that was pointed at this server (DNS rebinding). It is checked on every request, because such a
page could also read. An IP address is allowed: nobody can point it elsewhere. Requests that change something are
checked further: ``Sec-Fetch-Site`` and ``Origin`` say which site a page belongs to.
"""

import hmac
import logging
from collections.abc import Callable, Iterable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from flask import Flask, Request, current_app, request

from app.errors import ForbiddenError, UnauthorizedError, quoted
from app.web.connections import IN_PROGRESS, RequestsInProgress, is_own_user, parse_address
from app.web.header_cache import cached_by_text
from app.web.support import services, this_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOCAL_NAME = "localhost"
SITES_CACHED = 256
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_PAGES = frozenset({"same-origin", "none"})
FORWARDED, FORWARDED_PREFIX = frozenset({"HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA"}), "HTTP_X_FORWARDED_"
BROWSER = "Mozilla"  # begins the User-Agent of every browser
ALLOW_ORIGIN = "add its origin to STATS_ALLOWED_ORIGINS"
NOT_THE_USER = "only the user that runs the server may do this; if you are, try again over a new connection"
NO_OPERATOR = "no setting makes it an operator"
CONTENT_POLICY, REFERRER_POLICY = "Content-Security-Policy", "Referrer-Policy"
NO_REFERRER = "no-referrer"
# A page loads everything from this server; inline scripts, styles and handlers are blocked.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action {forms}; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = (
    (CONTENT_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (REFERRER_POLICY, NO_REFERRER),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)

PAGE_HEADERS = "app.security_headers"  # key in the WSGI environment: the security headers of a page
OPERATOR_ONLY = "operator_only"  # attribute of a protected view

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")


def register(app: Flask) -> None:
    """Protect every route of an application."""
    app.before_request(_refuse_other_sites)
    app.wsgi_app = with_security_headers(app.wsgi_app)  # type: ignore[assignment, method-assign]


def with_security_headers(application: "WSGIApplication") -> "WSGIApplication":
    """Add the security headers to every response, those of the HTTP framework's own errors included."""

    def with_headers(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, [*headers, *environ.get(PAGE_HEADERS, SECURITY_HEADERS)], *error)

        return application(environ, start)

    return with_headers


def use_page_policy(*, forms: bool = False) -> None:
    """Relax the policies for the response to this request, so that a page may load its scripts, styles and data.

    Parameters
    ----------
    forms: the page sends forms. Its referrer policy is then ``same-origin``: without a referrer, browsers send a form
        with the origin ``null``, which looks like another site.
    """
    policy = PAGE_POLICY.format(forms="'self'" if forms else "'none'")
    this_request().environ[PAGE_HEADERS] = page_headers(policy, "same-origin" if forms else NO_REFERRER)


def page_headers(content_policy: str, referrer_policy: str = NO_REFERRER) -> tuple[tuple[str, str], ...]:
    """Return the security headers of a page that has policies of its own."""
    policies = {CONTENT_POLICY: content_policy, REFERRER_POLICY: referrer_policy}
    return tuple({**dict(SECURITY_HEADERS), **policies}.items())


def protected(view: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
    """Allow a view to operators only: clients with the token or, if none is set, this machine's own user.

    Pages of other sites are never operators, those of ``STATS_ALLOWED_ORIGINS`` included.
    """

    @wraps(view)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Returned:
        _check_site((), NO_OPERATOR)
        _check_operator()
        return view(*args, **kwargs)

    setattr(guarded, OPERATOR_ONLY, True)  # for the API document
    return guarded


def _refuse_other_sites() -> None:
    current, settings = this_request(), services().settings
    problem = _host_problem(current.environ.get("HTTP_HOST") or current.host, settings.host, settings.allowed_hosts)
    if problem is not None:
        raise ForbiddenError(problem)
    if current.method not in READING_METHODS:
        _check_site(settings.allowed_origins, ALLOW_ORIGIN)


@cached_by_text(SITES_CACHED)
def _host_problem(requested_host: str, own: str, allowed: tuple[str, ...]) -> str | None:
    """Return why a request with this Host is refused, None if it is allowed."""
    host = _host_name(requested_host)
    if parse_address(host) is None and host not in {LOCAL_NAME, *map(str.lower, (own, *allowed))}:
        return f"Host {quoted(host)} is not allowed; add it to STATS_ALLOWED_HOSTS."
    return None


def _check_site(allowed_origins: tuple[str, ...], advice: str) -> None:
    """Check that the request does not come from a page of another site, unless its origin is allowed.

    Raises
    ------
    ForbiddenError: it does; ``advice`` ends the reason
    """
    current = this_request()
    origin, fetch_site = current.environ.get("HTTP_ORIGIN"), current.environ.get("HTTP_SEC_FETCH_SITE", "none")
    if origin is not None and origin in allowed_origins:
        return
    if origin is not None and origin.partition("://")[2].lower() != current.host.lower():
        raise ForbiddenError(f"A page of {quoted(origin)} may not do this; {advice}.")
    if fetch_site not in OWN_PAGES:
        raise ForbiddenError(f"A page of another site may not do this; {advice}.")


def _check_operator() -> None:
    """Check the token or, if none is set, that the request comes from this machine's own user.

    Raises
    ------
    UnauthorizedError: the server has a token and the request has none
    ForbiddenError: the token is wrong, or the server has none and the request comes from somebody else
    """
    token = services().settings.admin_token
    if token is None:
        problem = _local_problem()
        if problem is not None:
            raise ForbiddenError(f"{problem} (set STATS_ADMIN_TOKEN and send the token)")
        return
    if not _bearer_token(request):
        raise UnauthorizedError
    if not has_token(request):
        logger.warning("a wrong token for %s %s came from %s", request.method, request.path, request.remote_addr)
        raise ForbiddenError("the token is wrong; send the value of STATS_ADMIN_TOKEN")


def has_token(current: Request) -> bool:
    """Return whether a request carries the operator's token."""
    token = services().settings.admin_token
    sent = _bearer_token(current)
    return token is not None and hmac.compare_digest(sent.encode(), token.get_secret_value().encode())


def _bearer_token(current: Request) -> str:
    """Return the token that a request carries, an empty text if there is none."""
    scheme, _, sent = current.headers.get("Authorization", "").partition(" ")
    return sent.strip() if scheme.lower() == "bearer" else ""


def _local_problem() -> str | None:
    """Return why a request without a token is not an operator's, None if it is.

    A connection from this machine is not enough: a proxy on it forwards requests of anybody, and a browser sends those
    of any page.
    """
    settings, environ = services().settings, this_request().environ
    site_headers = {"HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE"} & environ.keys()
    problems = {
        "operators need a token behind a trusted proxy": bool(settings.trusted_proxies),
        "operators need a token on a server that others can reach": not _is_loopback(settings.host),
        "only the server's own machine may do this": not _is_loopback(environ.get("REMOTE_ADDR", "")),
        "a proxy has forwarded the request": any(
            name in FORWARDED or name.startswith(FORWARDED_PREFIX) for name in environ
        ),
        "only requests to localhost may do this": not _is_loopback(_host_name(this_request().host)),
        "the browser does not say which site its page belongs to": not site_headers
        and environ.get("HTTP_USER_AGENT", "").startswith(BROWSER),
    }
    for problem, holds in problems.items():
        if holds:
            return problem
    in_progress: RequestsInProgress = current_app.extensions[IN_PROGRESS]
    count = in_progress.count(environ.get("REMOTE_ADDR", ""))
    return None if is_own_user(environ, this_request().started, count) else NOT_THE_USER


def _is_loopback(host: str) -> bool:
    address = parse_address(host)
    return host.lower() == LOCAL_NAME if address is None else address.is_loopback


def _host_name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower().rstrip(".")
