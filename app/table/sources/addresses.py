"""``Source``: what STATS_DATA names, shown without secrets; and one-line reasons why an address cannot be read."""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from app.errors import one_line
from app.table.sources.controls import replace_controls

SCHEME_MARK = "://"
CHANGED_WHILE_READ = "changed while they were read; reload the table"
CLEAR_MESSAGES = {  # by error class; the packages word these for programmers
    "ClientPayloadError": "the connection closed before the whole file arrived",
    "FileExpired": f"the files {CHANGED_WHILE_READ}",
    "InvalidUrlClientError": "not a valid web address",
}
ADDRESS_IN_TEXT = re.compile(r"[A-Za-z][\w+.-]*://[^\s'\"<>]+")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a table comes from: a path, a folder, a pattern or an address.

    ``str()`` and ``repr()`` give ``display``, so that no log line or message shows a password or a token.

    Parameters
    ----------
    text: as STATS_DATA has it, secrets included
    display: the text without secrets, set from ``text``
    """

    text: str = field(repr=False)
    display: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "display", without_secrets(self.text))

    def __str__(self) -> str:
        return self.display

    @property
    def is_address(self) -> bool:
        """Whether it is an address, and not a path on this machine."""
        return SCHEME_MARK in self.text

    @property
    def scheme(self) -> str:
        """The protocol of an address."""
        return self.text.partition(SCHEME_MARK)[0]

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.display.rstrip("/")).name or self.display


def without_secrets(text: str) -> str:
    """Remove what may be secret from an address: user name, password, query string and fragment."""
    scheme, mark, rest = text.partition(SCHEME_MARK)
    if not mark:
        return text
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}{SCHEME_MARK}{host.rpartition('@')[2]}{slash}{path}"


def read_failure(error: BaseException) -> str:
    """Return in one line, without secrets and control characters, why a source cannot be read.

    For HTTP errors it is the status and its phrase.
    """
    line = CLEAR_MESSAGES.get(type(error).__name__) or _response_message(error) or one_line(error)
    return replace_controls(ADDRESS_IN_TEXT.sub(lambda address: without_secrets(address[0]), line))


def _response_message(error: BaseException) -> str | None:
    """Return the server's own words from an error of aiohttp or botocore."""
    status, message = getattr(error, "status", None), getattr(error, "message", None)
    if isinstance(status, int) and isinstance(message, str):
        return f"{status} {message}"
    response = getattr(error, "response", None)
    if isinstance(response, dict) and {"Code", "Message"} <= response.get("Error", {}).keys():
        return " ".join("{Code}: {Message}".format_map(response["Error"]).split())
    return None
