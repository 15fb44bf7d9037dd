"""Stop signals, handled on a thread, and a watch for the parent's death.

A signal handler interrupts the main thread anywhere, even inside another handler that holds a lock. That happens: at
Ctrl-C the terminal and the parent both signal a process within milliseconds. A thread that waits for signals handles
one after another and interrupts nothing.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import wait

STOP_SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
SETTLE_SECONDS = 0.5  # signals within so short a time count as one

Action = Callable[[], None]


def take_stop_signals(stop: Action, stop_at_once: Action) -> None:
    """Call ``stop`` at the first stop signal, and ``stop_at_once`` at one more than ``SETTLE_SECONDS`` later.

    Call it on the main thread. The process may have other threads: the system may deliver a signal to any of them, and
    all report it to one descriptor. Processes started from this thread inherit the signals blocked.

    Blocks until the thread that waits for signals has started: a process that is forked while another thread starts
    inherits whatever lock that thread holds, and nobody there releases it.
    """
    reports, reporter = os.pipe()
    os.set_blocking(reporter, False)
    signal.set_wakeup_fd(reporter, warn_on_full_buffer=False)
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: None)  # without a handler nothing is written to the descriptor

    waiting = threading.Event()

    def watch() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        waiting.set()
        _act_on_signals(lambda: os.read(reports, 1), stop, stop_at_once)

    threading.Thread(target=watch, name="StopSignals", daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    waiting.wait()


def ignore_stop_signals() -> None:
    """Ignore the stop signals while the process exits.

    The interpreter removes handlers before it exits; a signal after that would make the exit look like a failure.
    """
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def block_stop_signals() -> None:
    """Keep stop signals pending until ``take_blocked_stop_signals``. Call it before starting any thread."""
    signal.set_wakeup_fd(-1)  # a forked process inherits its parent's
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def take_blocked_stop_signals(stop: Action) -> None:
    """Call ``stop`` at the first stop signal after ``block_stop_signals``; drop further ones."""
    threading.Thread(
        target=_act_on_signals,
        args=(lambda: signal.sigwait(STOP_SIGNALS), stop, lambda: None),
        name="StopSignals",
        daemon=True,
    ).start()


def call_stop_handler() -> None:
    """Call the handler of SIGTERM on this thread: whichever the process has installed last, if any."""
    handler = signal.getsignal(signal.SIGTERM)
    if callable(handler):
        handler(signal.SIGTERM, None)


def on_parent_death(action: Action) -> None:
    """Call a function, on a thread of its own, when the parent process dies."""
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        action()

    threading.Thread(target=watch, name="ParentWatch", daemon=True).start()


def _act_on_signals(wait_for_signal: Callable[[], object], stop: Action, stop_at_once: Action) -> None:
    """Handle signals for ever; ``stop`` gets a thread of its own, so that a second signal is seen while it runs."""
    wait_for_signal()
    first = time.monotonic()
    threading.Thread(target=stop, name="Stop", daemon=True).start()
    while True:
        wait_for_signal()
        if time.monotonic() - first > SETTLE_SECONDS:
            stop_at_once()
