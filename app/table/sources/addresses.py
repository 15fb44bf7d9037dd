"""Addresses of sources, and errors told in one line: neither shows what may be secret."""

import re

SCHEME_MARK = "://"
PLAIN_WORDS = {  # by the names of errors that their packages word for programmers
    "ClientPayloadError": "the connection ended before all had come",
    "FileExpired": "it was changed while it was read; read it again",
    "InvalidUrlClientError": "this is no address of a web server",
}
ANY_ADDRESS = re.compile(r"[A-Za-z][\w+.-]*://[^\s'\"<>]+")


def is_address(source: str) -> bool:
    """Tell whether a source is an address, and not a path of this machine."""
    return SCHEME_MARK in source


def scheme_of(address: str) -> str:
    """Return the protocol of an address."""
    return address.partition(SCHEME_MARK)[0]


def without_secrets(source: str) -> str:
    """Return an address without what may be secret in it: a user's name, a password, what follows a question mark."""
    if not is_address(source):
        return source
    scheme, _, rest = source.partition(SCHEME_MARK)
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{scheme}{SCHEME_MARK}{host.rpartition('@')[2]}{slash}{path}"


def one_line(error: BaseException) -> str:
    """Return what an error says in one line, of an answer by HTTP its status; addresses in it show nothing secret."""
    plain = PLAIN_WORDS.get(type(error).__name__)
    if plain is not None:
        return plain
    lines = iter(_told(error).strip().splitlines())
    first = next(lines, type(error).__name__)
    if first.endswith(":"):
        first = f"{first} {next(lines, '').strip()}"
    return ANY_ADDRESS.sub(lambda found: without_secrets(found[0]), first)


def _told(error: BaseException) -> str:
    """Return what an error says: the system's words, or those of the answer that aiohttp or botocore have got."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    status, message = getattr(error, "status", None), getattr(error, "message", None)
    if isinstance(status, int) and isinstance(message, str):
        return f"{status} {message}"
    answer = getattr(error, "response", None)
    if isinstance(answer, dict) and {"Code", "Message"} <= answer.get("Error", {}).keys():
        return "{Code}: {Message}".format_map(answer["Error"])
    return str(error)
