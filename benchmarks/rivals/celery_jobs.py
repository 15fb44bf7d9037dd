"""The tasks of the Celery rival: a statistic by a plain pandas expression.

``RIVAL_REDIS`` names broker and result store, ``RIVAL_TABLE`` the table.
"""

import os
from functools import cache
from pathlib import Path

import pandas as pd
from celery import Celery

from benchmarks.pandas_expressions import EXPRESSIONS, read_frame

application = Celery("celery_jobs", broker=os.environ["RIVAL_REDIS"], backend=os.environ["RIVAL_REDIS"])
application.conf.broker_connection_retry_on_startup = True


@cache
def _frame() -> pd.DataFrame:
    """Read the table, once in each worker process."""
    return read_frame(Path(os.environ["RIVAL_TABLE"]))


def _compute(statistic: str, body: dict[str, str]) -> dict[str, object]:
    return EXPRESSIONS[statistic](_frame(), body)


compute = application.task(name="compute")(_compute)
