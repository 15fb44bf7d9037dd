"""The pages as a server sends them: what they hold, and what they let a browser do."""

from flask.testing import FlaskClient

from app.routes.guard import SECURITY_HEADERS

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def test_a_page_may_use_this_server_and_no_other(client: FlaskClient) -> None:
    answer = client.get("/", headers=BROWSER)
    (policy,) = answer.headers.getlist("Content-Security-Policy")
    allowed = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert allowed["default-src"] == allowed["frame-ancestors"] == allowed["base-uri"] == "'none'"
    assert allowed["script-src"] == allowed["style-src"] == allowed["connect-src"] == allowed["form-action"] == "'self'"
    assert answer.headers.getlist("Referrer-Policy") == ["same-origin"]
    own = ("Content-Security-Policy", "Referrer-Policy")
    for name, value in SECURITY_HEADERS:
        assert name in own or answer.headers.getlist(name) == [value]
