"""What keeps a file from being downloaded, each told in one clear sentence."""

import requests
import urllib3


class DownloadError(Exception):
    """The file cannot be had, or not as it is.

    Parameters
    ----------
    reason: what is wrong and, where that is not plain, how to put it right
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BrokenOffError(DownloadError):
    """The transfer broke off; another attempt may go on from there."""


class UnreachableError(BrokenOffError):
    """There was no connection to the server at all."""


def plain_error(error: requests.RequestException | urllib3.exceptions.HTTPError, host: str) -> DownloadError:
    """Return what an error of the transport means for the download."""
    complaint = _complaint(error)
    if isinstance(error, requests.exceptions.SSLError):
        return DownloadError(f"{host} cannot be trusted: {complaint}")
    if isinstance(error, requests.ConnectionError) and not _broke_off(error):
        return UnreachableError(f"there is no network, or {host} does not answer: {complaint}")
    if isinstance(error, requests.ConnectionError | requests.ReadTimeout | urllib3.exceptions.HTTPError):
        return BrokenOffError(f"the connection to {host} broke off: {complaint}")
    return DownloadError(f"{host} cannot be asked: {complaint}")


def _broke_off(error: requests.RequestException) -> bool:
    """Tell whether there had been a connection, by what the transport's own error says."""
    return bool(error.args) and isinstance(error.args[0], urllib3.exceptions.ProtocolError)


def _complaint(error: BaseException) -> str:
    """Return what the error at the bottom of a chain says, in one line: that is the system's own complaint."""
    while below := error.__cause__ or error.__context__:
        error = below
    text = str(getattr(error, "strerror", None) or error) or type(error).__name__
    return " ".join(text.split())
