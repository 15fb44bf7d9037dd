"""Forwarding headers: believed when a trusted reverse proxy sends them, ignored otherwise."""

import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING, cast

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ADDRESSES_REMEMBERED = 256
REQUEST_ID = "app.request_id"  # the key of a proxy's request id in the environment of a request
# A proxy may pass on what a client has made up. The value that counts is the last one, and only in this form: it goes
# into links, redirects and the log.
VALID_VALUES = {
    "HTTP_X_FORWARDED_FOR": re.compile(r"[0-9A-Fa-f:.]{1,45}"),
    "HTTP_X_FORWARDED_HOST": re.compile(r"[\w.:\[\]-]{1,255}", re.ASCII),
    "HTTP_X_FORWARDED_PREFIX": re.compile(r"(/[\w.~-]+)*/?", re.ASCII),
    "HTTP_X_FORWARDED_PROTO": re.compile(r"https?"),
    "HTTP_X_REQUEST_ID": re.compile(r"[\w.~-]{1,128}", re.ASCII),
}


def register(app: Flask) -> None:
    """Believe the forwarding headers of the trusted proxies. Without any, requests take the same way as before."""
    networks = cast("Services", app.extensions["services"]).settings.trusted_proxies
    if networks:
        app.wsgi_app = TrustedProxies(app.wsgi_app, networks)  # type: ignore[method-assign]


class TrustedProxies:
    """A WSGI application that applies the forwarding headers of requests from trusted proxies.

    Parameters
    ----------
    networks: where the trusted proxies connect from
    """

    def __init__(self, application: "WSGIApplication", networks: tuple[IPv4Network | IPv6Network, ...]) -> None:
        self._direct = application
        self._forwarded = ProxyFix(application, x_for=1, x_proto=1, x_host=1, x_prefix=1)
        self._networks = networks
        self._is_trusted = lru_cache(ADDRESSES_REMEMBERED)(self._find)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        """Handle a request: by its own address, or by what a trusted proxy says about it."""
        if not self._is_trusted(environ.get("REMOTE_ADDR", "")):
            return self._direct(environ, start_response)
        for name, pattern in VALID_VALUES.items():
            if name in environ and not pattern.fullmatch(environ[name].rpartition(",")[2].strip()):
                del environ[name]
        if "HTTP_X_REQUEST_ID" in environ:
            environ[REQUEST_ID] = environ["HTTP_X_REQUEST_ID"].rpartition(",")[2].strip()
        return self._forwarded(environ, start_response)

    def _find(self, text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:  # a socket without an address
            return False
        plain = getattr(address, "ipv4_mapped", None) or address
        return any(plain in network for network in self._networks)
