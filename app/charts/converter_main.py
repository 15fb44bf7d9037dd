"""The converter process: reads a request per line (JSON), writes a header line (JSON) and then the bytes it announces.

vl-convert holds Python's interpreter lock while it works, a second or two for the first picture and for the page's
script, and needs about 200 MiB: in the server's process, every other request would block meanwhile. This file
runs as a program and imports nothing of the project. It exits when its input ends, or after a minute without requests.
Pictures yield to the jobs of the server, so it runs at a lower priority.
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
REQUEST_SECONDS = 30  # longer than the server waits: ends a request that hangs after the server was killed
NICENESS = 5
PNG_SCALE = 2.0  # two pixels for each CSS pixel: sharp on today's screens

# The page calls this function. Its Content-Security-Policy forbids eval and inline styles, hence ``ast`` (expressions
# are interpreted, not compiled) and no default styles for menu and tooltip. Visitors need no warnings on their console.
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

RENDERERS: dict[str, Callable[[Any], bytes]] = {
    "svg": lambda spec: vl_convert.vegalite_to_svg(spec).encode(),
    "png": lambda spec: bytes(vl_convert.vegalite_to_png(spec, scale=PNG_SCALE)),
    "script": lambda _: vl_convert.javascript_bundle(PAGE_SCRIPT).encode(),
}


def main() -> None:
    """Serve requests until the input ends or none arrives for ``IDLE_SECONDS``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the server; its shutdown closes our input
    os.nice(NICENESS)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # undo the inherited pinning to the server's core
    # Keep the pipe to ourselves: output of a library then goes to standard error, not between two replies.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0]:
        line = sys.stdin.buffer.readline()
        if not line:
            return
        signal.alarm(REQUEST_SECONDS)  # its default action kills the process, whatever holds the interpreter
        _reply(json.loads(line), replies)
        signal.alarm(0)


def _reply(request: dict[str, Any], replies: BinaryIO) -> None:
    """Render one request; a failure is replied as its message."""
    try:
        content, failed = RENDERERS[request["format"]](request["spec"]), False
    except ValueError as error:
        content, failed = str(error).encode(), True
    replies.write(json.dumps({"length": len(content), "failed": failed}).encode() + b"\n" + content)
    replies.flush()


if __name__ == "__main__":
    main()
