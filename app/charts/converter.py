"""The process that draws: a line of JSON in, a line with the length of the answer and then the answer out.

The converter keeps Python's interpreter lock for as long as it works, a second or two for the first picture and for
the script of the page, and needs about 200 MiB: in the process that serves, all other requests would stand still
meanwhile. This is run as a program and knows nothing of the project. It ends where its input ends, and where nothing is
asked for long.
"""

import json
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

import vl_convert

IDLE_SECONDS = 60.0
PNG_SCALE = 2.0  # two pixels for each of the page's: sharp on the screens of today

# What the page calls. A strict Content-Security-Policy allows neither code from text (``ast`` has expressions read step
# by step instead) nor styles from scripts (those of the menu and of the tooltips). Warnings are not for visitors.
PAGE_SCRIPT = """
window.drawChart = (element, spec) => vegaEmbed(element, spec, {
  ast: true,
  logLevel: 1, // errors
  renderer: "svg",
  actions: false,
  defaultStyle: false,
  tooltip: { disableDefaultStyle: true },
});
"""

MAKERS: dict[str, Callable[[Any], bytes]] = {
    "svg": lambda spec: vl_convert.vegalite_to_svg(spec).encode(),
    "png": lambda spec: bytes(vl_convert.vegalite_to_png(spec, scale=PNG_SCALE)),
    "script": lambda _: vl_convert.javascript_bundle(PAGE_SCRIPT).encode(),
}


def main() -> None:
    """Answer until the input ends, or nothing is asked for ``IDLE_SECONDS``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the server, whose end closes the input
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # the server stays on one core; this need not share it
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed goes to the errors, not between the answers
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0]:
        line = sys.stdin.buffer.readline()
        if not line:
            return
        _answer(json.loads(line), answers)


def _answer(asked: dict[str, Any], answers: BinaryIO) -> None:
    """Make what is asked, or say why it cannot be made."""
    try:
        content, failed = MAKERS[asked["form"]](asked["spec"]), False
    except ValueError as error:
        content, failed = str(error).encode(), True
    answers.write(json.dumps({"length": len(content), "failed": failed}).encode() + b"\n" + content)
    answers.flush()


if __name__ == "__main__":
    main()
