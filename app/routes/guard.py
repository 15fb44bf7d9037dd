"""Who may do what: bearer tokens, pages of other sites, and the headers that tell browsers to be careful.

Whatever changes something is refused to a page of another site, which a visitor's browser would otherwise carry to a
server on the visitor's own machine. ``Sec-Fetch-Site`` and ``Origin`` tell where a page is from; ``Host`` tells whether
somebody else's name was made to point at this server (DNS rebinding).
"""

import hmac
from collections.abc import Callable
from functools import wraps
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import ParamSpec, TypeVar

from flask import Flask, Response, request

from app.errors import ForbiddenError, UnauthorizedError, quoted
from app.routes.support import services

LOCAL_NAME = "localhost"
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_PAGES = frozenset({"same-origin", "none"})
FORWARDED_HEADERS = ("X-Forwarded-For", "Forwarded", "X-Real-Ip")
SECURITY_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
)

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def register(app: Flask) -> None:
    """Guard every route of an application."""
    app.before_request(_refuse_other_sites)
    app.after_request(_add_security_headers)


def protected(view: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Let only an operator call a view: who has the token or, where none is set, who is on this machine."""

    @wraps(view)
    def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        _check_site()
        _check_operator()
        return view(*args, **kwargs)

    return guarded


def _refuse_other_sites() -> None:
    if request.method not in READING_METHODS:
        _check_site()


def _check_site() -> None:
    """Check that a request does not come from a page of another site.

    Raises
    ------
    ForbiddenError: it does, or it was sent to a name that is not this server's
    """
    settings = services().settings
    host = _host_name(request.host)
    names = {LOCAL_NAME, settings.host.lower(), *map(str.lower, settings.allowed_hosts)}
    if _address(host) is None and host not in names:
        raise ForbiddenError(f"this server is not known as {quoted(host)}; STATS_ALLOWED_HOSTS names it")
    origin = request.headers.get("Origin")
    if origin is not None and origin in settings.allowed_origins:
        return
    if origin is not None and origin.partition("://")[2].lower() != request.host.lower():
        raise ForbiddenError(f"pages of {quoted(origin)} may not use this server; STATS_ALLOWED_ORIGINS allows them")
    if request.headers.get("Sec-Fetch-Site", "none") not in OWN_PAGES:
        raise ForbiddenError("pages of other sites may not use this server; STATS_ALLOWED_ORIGINS allows them")


def _check_operator() -> None:
    """Check the token or, where none is set, the place that a request comes from.

    Raises
    ------
    UnauthorizedError: a token is set and none was sent
    ForbiddenError: a wrong token, or no token is set and the request comes from another machine
    """
    token = services().settings.admin_token
    if token is None:
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


def _add_security_headers(answer: Response) -> Response:
    answer.headers.extend(SECURITY_HEADERS)
    return answer
