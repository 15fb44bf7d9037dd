"""Access control: bearer tokens, protection against cross-site requests, and security headers.

A page of another site could make a visitor's browser send requests to a server on the visitor's own machine. Requests
that change something are therefore checked: ``Sec-Fetch-Site`` and ``Origin`` say which site a page belongs to, and
``Host`` reveals a foreign name that was pointed at this server (DNS rebinding).
"""

import hmac
from collections.abc import Callable, Iterable
from functools import lru_cache, wraps
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from flask import Flask, request

from app.errors import ForbiddenError, UnauthorizedError, quoted
from app.web.support import services, this_request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOCAL_NAME = "localhost"
SITES_CACHED = 256
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_PAGES = frozenset({"same-origin", "none"})
FORWARDED_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")
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
    policies = {
        CONTENT_POLICY: PAGE_POLICY.format(forms="'self'" if forms else "'none'"),
        REFERRER_POLICY: "same-origin" if forms else NO_REFERRER,
    }
    this_request().environ[PAGE_HEADERS] = tuple({**dict(SECURITY_HEADERS), **policies}.items())


def protected(view: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
    """Allow a view to operators only: clients with the token or, if none is set, clients on this machine."""

    @wraps(view)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Returned:
        _check_site()
        _check_operator()
        return view(*args, **kwargs)

    setattr(guarded, OPERATOR_ONLY, True)  # for the API document
    return guarded


def _refuse_other_sites() -> None:
    if this_request().method not in READING_METHODS:
        _check_site()


def _check_site() -> None:
    """Check that the request does not come from a page of another site.

    Raises
    ------
    ForbiddenError: it does, or its Host is not a name of this server
    """
    current, settings = this_request(), services().settings
    names = (settings.host, *settings.allowed_hosts)
    environ = current.environ
    origin, fetch_site = environ.get("HTTP_ORIGIN"), environ.get("HTTP_SEC_FETCH_SITE", "none")
    problem = _site_problem(names, settings.allowed_origins, current.host, origin, fetch_site)
    if problem is not None:
        raise ForbiddenError(problem)


@lru_cache(maxsize=SITES_CACHED)
def _site_problem(
    names: tuple[str, ...], allowed_origins: tuple[str, ...], requested_host: str, origin: str | None, fetch_site: str
) -> str | None:
    """Return why a request with these headers is refused, None if it is allowed."""
    host = _host_name(requested_host)
    if _address(host) is None and host not in {LOCAL_NAME, *map(str.lower, names)}:
        return f"Host {quoted(host)} is not allowed; add it to STATS_ALLOWED_HOSTS."
    if origin is not None and origin in allowed_origins:
        return None
    if origin is not None and origin.partition("://")[2].lower() != requested_host.lower():
        return f"Origin {quoted(origin)} is not allowed; add it to STATS_ALLOWED_ORIGINS."
    if fetch_site not in OWN_PAGES:
        return "Pages of other sites are not allowed; add their origin to STATS_ALLOWED_ORIGINS."
    return None


def _check_operator() -> None:
    """Check the token or, if none is set, that the request comes from this machine.

    Raises
    ------
    UnauthorizedError: the server has a token and the request has none
    ForbiddenError: the token is wrong, or the server has none and the request comes from another machine
    """
    settings = services().settings
    token = settings.admin_token
    if token is None:
        if settings.trusted_proxies:  # a request from this machine may be anybody's, sent through the proxy
            raise ForbiddenError("operators need a token behind a trusted proxy; set STATS_ADMIN_TOKEN")
        if not _is_local():
            raise ForbiddenError(
                "only the server's own machine may do this; set STATS_ADMIN_TOKEN to allow it from others"
            )
        return
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not sent:
        raise UnauthorizedError
    if not hmac.compare_digest(sent.strip().encode(), token.get_secret_value().encode()):
        raise ForbiddenError("the token is wrong; send the value of STATS_ADMIN_TOKEN")


def _is_local() -> bool:
    """Return whether the request comes from this machine directly, not through a proxy on it."""
    forwarded = any(name in request.headers for name in FORWARDED_HEADERS)
    address = _address(request.remote_addr or "")
    return not forwarded and address is not None and address.is_loopback


def _host_name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower().rstrip(".")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an IP address, None if it is not one; an IPv4-mapped IPv6 address becomes plain IPv4."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
