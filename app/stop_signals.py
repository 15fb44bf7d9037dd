"""Signals that end the server, taken by a thread instead of by handlers.

A handler interrupts the main thread wherever it is, even inside another handler that holds a lock; the terminal's
Ctrl-C and a service manager reach the server's processes twice within a moment, so that happens. A thread that waits
for signals takes one after another and interrupts nothing.
"""

import signal
import threading
from collections.abc import Callable

STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


def block_stop_signals() -> None:
    """Keep the stop signals pending in this thread, and in threads and processes started from it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def on_stop_signal(stop: Callable[[], None], stop_at_once: Callable[[], None]) -> None:
    """Call ``stop`` at the first stop signal of this process and ``stop_at_once`` at each later one.

    Both are called on a thread of their own. The signals must be blocked in all threads.
    """

    def take_signals() -> None:
        signal.sigwait(STOP_SIGNALS)
        stop()
        while True:
            signal.sigwait(STOP_SIGNALS)
            stop_at_once()

    threading.Thread(target=take_signals, name="StopSignals", daemon=True).start()
