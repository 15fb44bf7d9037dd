"""Who sent a request, as the queue tells clients apart, and to which address."""

from ipaddress import IPv6Address, IPv6Network, ip_address

from flask import Request

from app.web.guard import has_token
from app.web.header_cache import cached_by_text

OPERATOR = "operator"
NETWORK_BITS = 64  # of an IPv6 address; the other half is the client's to choose
SENDERS_CACHED = 4096


def sender_of(current: Request) -> str:
    """Return the client that sent a request: the operator, an IPv4 address, or the /64 network of an IPv6 address.

    Behind a trusted proxy this is the address that the proxy reports.
    """
    if "HTTP_AUTHORIZATION" in current.environ and has_token(current):
        return OPERATOR
    return _client_at(current.remote_addr or "")


def root_address(current: Request) -> str:
    """Return the root of the address that the client used, such as ``http://127.0.0.1:5000``, without a slash."""
    host = current.environ.get("HTTP_HOST")
    return current.root_url.rstrip("/") if host is None else f"{current.scheme}://{host}{current.root_path}"


@cached_by_text(SENDERS_CACHED)
def _client_at(text: str) -> str:
    try:
        address = ip_address(text)
    except ValueError:  # a Unix socket, or what a proxy reports
        return text
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Network((int(address), NETWORK_BITS), strict=False))
    return text
