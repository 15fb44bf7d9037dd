"""The connections of this machine, as Linux lists them."""

import os
import socket
from ipaddress import ip_address

import pytest

from app.web.connections import CLOSE_WAIT, ESTABLISHED, TABLES, client_ends, server_ends

pytestmark = pytest.mark.skipif(not TABLES[0].exists(), reason="only Linux lists its connections")


@pytest.mark.parametrize(
    ("listening", "connecting", "client"),
    [("127.0.0.1", "127.0.0.1", "127.0.0.1"), ("::1", "::1", "::1"), ("::", "127.0.0.1", "127.0.0.1")],
    ids=["IPv4", "IPv6", "IPv4 to a socket of IPv6"],
)
def test_both_ends_are_found_with_state_and_user(listening: str, connecting: str, client: str) -> None:
    family = socket.AF_INET6 if ":" in listening else socket.AF_INET
    try:
        server = socket.create_server((listening, 0), family=family, dualstack_ipv6=listening == "::")
    except OSError:
        pytest.skip(f"this machine has no {listening}")
    with server:
        port = server.getsockname()[1]
        with socket.create_connection((connecting, port)) as peer, server.accept()[0]:
            (end,) = client_ends(ip_address(client), port)
            assert (end.local_port, end.state, end.user) == (peer.getsockname()[1], ESTABLISHED, os.geteuid())
            (other,) = server_ends(ip_address(client), port)
            assert (other.remote_port, other.state) == (end.local_port, ESTABLISHED)
            peer.shutdown(socket.SHUT_WR)
            assert [end.state for end in server_ends(ip_address(client), port)] == [CLOSE_WAIT]
            assert server_ends(ip_address("192.0.2.1"), port) == []
