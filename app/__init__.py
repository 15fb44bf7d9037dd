"""The health statistics server: questions about a public-health survey, answered by a pool of threads.

Importing the package costs next to nothing: what builds a server is imported when ``create_app`` is first asked for.
The client on the command line is a part of the package too. It has no use for a web framework and table readers, which
take longer to import than an answer takes to come.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.factory import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> object:
    """Import what the package gives when it is asked for."""
    if name in __all__:
        return getattr(import_module("app.factory"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
