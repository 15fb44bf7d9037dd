"""Signals that end the server, taken by a thread instead of by handlers, and the end of the parent process.

A handler interrupts the main thread wherever it is, even inside another handler that holds a lock; the terminal's
Ctrl-C and a service manager reach the server's processes twice within a moment, so that happens. A thread that waits
for signals takes one after another and interrupts nothing.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import wait

STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
SETTLE_SECONDS = 0.5  # signals that come closer together are one wish to stop

Act = Callable[[], None]


def take_stop_signals(stop: Act, stop_at_once: Act) -> None:
    """Call ``stop`` at the first stop signal, and ``stop_at_once`` at a second one some time after it.

    For the main thread of a process that already has other threads, any of which the system may hand a signal to: they
    all report it to one descriptor. Processes started from this thread have the signals blocked.
    """
    reports, reporter = os.pipe()
    os.set_blocking(reporter, False)
    signal.set_wakeup_fd(reporter, warn_on_full_buffer=False)
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: None)  # the report is what counts

    def watch() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        _act_on_signals(lambda: os.read(reports, 1), stop, stop_at_once)

    threading.Thread(target=watch, name="StopSignals", daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def ignore_stop_signals() -> None:
    """Ignore the stop signals from now on, in a process that is ending by itself.

    The interpreter gives handlers up before it ends: a signal that comes in between would end the process as a failure.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def block_stop_signals() -> None:
    """Keep the stop signals pending, in a process that has no other thread yet, until they are taken."""
    signal.set_wakeup_fd(-1)  # the parent's, where this process was forked
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def take_blocked_stop_signals(stop: Act) -> None:
    """Call ``stop`` at the first stop signal of a process that has them blocked; further ones are dropped."""
    threading.Thread(
        target=_act_on_signals,
        args=(lambda: signal.sigwait(STOP_SIGNALS), stop, lambda: None),
        name="StopSignals",
        daemon=True,
    ).start()


def on_parent_death(act: Act) -> None:
    """Call a function, on a thread of its own, when the process that has started this one dies."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        act()

    threading.Thread(target=watch, name="ParentWatch", daemon=True).start()


def _act_on_signals(wait_for_signal: Callable[[], object], stop: Act, stop_at_once: Act) -> None:
    """Take signals for ever; ``stop`` runs on a thread of its own, so that the next can be taken meanwhile."""
    wait_for_signal()
    first = time.monotonic()
    threading.Thread(target=stop, name="Stop", daemon=True).start()
    while True:
        wait_for_signal()
        if time.monotonic() - first > SETTLE_SECONDS:
            stop_at_once()
