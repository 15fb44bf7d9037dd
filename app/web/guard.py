"""Who may do what: bearer tokens, pages of other sites, and the headers that tell browsers to be careful.

Whatever changes something is refused to a page of another site, which a visitor's browser would otherwise carry to a
server on the visitor's own machine. ``Sec-Fetch-Site`` and ``Origin`` tell where a page is from; ``Host`` tells whether
somebody else's name was made to point at this server (DNS rebinding).
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
SITES_REMEMBERED = 256
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_PAGES = frozenset({"same-origin", "none"})
FORWARDED_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")
CONTENT_POLICY, REFERRER_POLICY = "Content-Security-Policy", "Referrer-Policy"
NO_REFERRER = "no-referrer"
SECURITY_HEADERS = (
    (CONTENT_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    (REFERRER_POLICY, NO_REFERRER),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)

OWN_HEADERS = "app.security_headers"  # the key, in a request's environment, of those that a page has of its own

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def register(app: Flask) -> None:
    """Guard every route of an application."""
    app.before_request(_refuse_other_sites)
    app.wsgi_app = with_security_headers(app.wsgi_app)  # type: ignore[assignment, method-assign]


def with_security_headers(application: "WSGIApplication") -> "WSGIApplication":
    """Return an application that answers as another one does, with the security headers."""

    def with_headers(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            return start_response(status, [*headers, *environ.get(OWN_HEADERS, SECURITY_HEADERS)], *error)

        return application(environ, start)

    return with_headers


def use_policy(policy: str, referrer_policy: str = NO_REFERRER) -> None:
    """Send policies of its own with the answer to this request: those of a page which loads things.

    Parameters
    ----------
    policy: its Content-Security-Policy
    referrer_policy: ``same-origin`` for a page with a form, as a browser that tells no referrer sends a form with the
        origin ``null``, which looks like another site
    """
    own = {CONTENT_POLICY: policy, REFERRER_POLICY: referrer_policy}
    this_request().environ[OWN_HEADERS] = tuple({**dict(SECURITY_HEADERS), **own}.items())


def protected(view: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Let only an operator call a view: who has the token or, where none is set, who is on this machine."""

    @wraps(view)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        _check_site()
        _check_operator()
        return view(*args, **kwargs)

    return guarded


def _refuse_other_sites() -> None:
    if this_request().method not in READING_METHODS:
        _check_site()


def _check_site() -> None:
    """Check that a request does not come from a page of another site.

    Raises
    ------
    ForbiddenError: it does, or it was sent to a name that is not this server's
    """
    asked, settings = this_request(), services().settings
    names = (settings.host, *settings.allowed_hosts)
    headers = asked.environ
    origin, fetch_site = headers.get("HTTP_ORIGIN"), headers.get("HTTP_SEC_FETCH_SITE", "none")
    fault = _site_fault(names, settings.allowed_origins, asked.host, origin, fetch_site)
    if fault is not None:
        raise ForbiddenError(fault)


@lru_cache(maxsize=SITES_REMEMBERED)
def _site_fault(
    names: tuple[str, ...], allowed_origins: tuple[str, ...], asked_host: str, origin: str | None, fetch_site: str
) -> str | None:
    """Return why a page with these headers may not use the server of these names, None where it may."""
    host = _host_name(asked_host)
    if _address(host) is None and host not in {LOCAL_NAME, *map(str.lower, names)}:
        return f"this server is not known as {quoted(host)}; STATS_ALLOWED_HOSTS names it"
    if origin is not None and origin in allowed_origins:
        return None
    if origin is not None and origin.partition("://")[2].lower() != asked_host.lower():
        return f"pages of {quoted(origin)} may not use this server; STATS_ALLOWED_ORIGINS allows them"
    if fetch_site not in OWN_PAGES:
        return "pages of other sites may not use this server; STATS_ALLOWED_ORIGINS allows them"
    return None


def _check_operator() -> None:
    """Check the token or, where none is set, the place that a request comes from.

    Raises
    ------
    UnauthorizedError: a token is set and none was sent
    ForbiddenError: a wrong token, or no token is set and the request comes from another machine
    """
    settings = services().settings
    token = settings.admin_token
    if token is None:
        if settings.trusted_proxies:  # a request from this machine may be anybody's, sent through the proxy
            raise ForbiddenError("operators need a token behind a trusted proxy; set STATS_ADMIN_TOKEN")
        if not _is_local():
            raise ForbiddenError("only this machine may do this while the server has no STATS_ADMIN_TOKEN")
        return
    scheme, _, sent = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not sent:
        raise UnauthorizedError
    if not hmac.compare_digest(sent.strip().encode(), token.get_secret_value().encode()):
        raise ForbiddenError("the token is wrong")


def _is_local() -> bool:
    """Tell whether a request comes from this machine, and not by way of a proxy on it."""
    forwarded = any(name in request.headers for name in FORWARDED_HEADERS)
    address = _address(request.remote_addr or "")
    return not forwarded and address is not None and address.is_loopback


def _host_name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return name.lower().rstrip(".")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a text is, the plain one where it is an IPv4 address in IPv6's clothes."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
