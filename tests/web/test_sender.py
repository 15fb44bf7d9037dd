"""Who a request counts for in the queue."""

import pytest
from flask import Flask

from app.web.sender import sender_of
from app.web.support import this_request


@pytest.mark.parametrize(
    ("address", "sender"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unix:", "unix:"),
    ],
)
def test_a_client_is_its_address_or_network(app: Flask, address: str, sender: str) -> None:
    with app.test_request_context("/", environ_base={"REMOTE_ADDR": address}):
        assert sender_of(this_request()) == sender
