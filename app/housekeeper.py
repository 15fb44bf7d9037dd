"""A thread for what is due now and then, whether or not somebody asks: the journal, and the retention rule."""

import logging
import threading

from app.job_store import JobStore

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 1.0


class Housekeeper(threading.Thread):
    """Write out the journal and remove what has expired, once a second, until it is stopped."""

    def __init__(self, store: JobStore) -> None:
        super().__init__(name="Housekeeper", daemon=True)
        self._store = store
        self._stopped = threading.Event()

    def run(self) -> None:
        """Keep house; a fault is logged once, and tried again after the interval."""
        faulty = False
        while not self._stopped.wait(INTERVAL_SECONDS):
            try:
                self._store.expire()
                self._store.flush()
            except Exception:  # the next round tries again
                if not faulty:
                    logger.exception("housekeeping failed; it is tried again every %g s", INTERVAL_SECONDS)
                faulty = True
            else:
                faulty = False

    def stop(self) -> None:
        """End the thread. Blocks until it has ended."""
        self._stopped.set()
        self.join()
