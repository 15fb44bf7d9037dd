"""Reduce a folder of respondents' records on a Dask cluster of this machine, as the server does.

``python -m benchmarks.reduce_records <folder> <workers> <file for the cells>`` prints lines of JSON: the process ids of
the workers, the share that is done, and in the end how many records were read in how many seconds, from the first block
to the whole table.
"""

import json
import os
import sys
import time
from pathlib import Path

import dask
import numpy as np

from app.process.cores import CORES
from app.table.engines.cluster_main import CLUSTER_CONFIG, cluster_client
from app.table.engines.dask_reader import read_with_dask
from app.table.engines.tasks import ClusterTask
from app.table.respondents import RespondentRecords, read_mapping
from app.table.sources.addresses import Source
from app.table.sources.progress import Progress
from app.table.survey_table import SurveyTable
from benchmarks import paths
from benchmarks.progress import print_now

WORKER_BYTES = 768 * 1024 * 1024
MEASURES = ("value_sum", "low_sum", "high_sum", "variance_sum", "respondents")


def main(folder: str, workers: int, cells_file: str) -> None:
    """Reduce the records, print progress, and write the measures of all cells to a NumPy file."""
    kind = RespondentRecords(read_mapping(paths.MAPPING))
    task = ClusterTask(source=Source(folder), kind=kind, cores=CORES, workers=workers, worker_bytes=WORKER_BYTES)
    with dask.config.set(CLUSTER_CONFIG), cluster_client(task) as client:
        print_now(json.dumps({"workers": list(client.run(os.getpid).values())}))
        started = time.perf_counter()
        table = read_with_dask(client, Source(folder), kind, tell_share)
        seconds = time.perf_counter() - started
    np.save(Path(cells_file), measures_of(table))
    print_now(json.dumps({"seconds": seconds, "rows": table.report.rows_used, "national": national_of(table)}))


def tell_share(progress: Progress) -> None:
    """Print the share of the source that is read."""
    print_now(json.dumps({"share": progress.share}))


def measures_of(table: SurveyTable) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Return the measures of the cells of all questions, shape (measures, cells)."""
    return np.array([np.concatenate([getattr(data.cells, name) for data in table.questions]) for name in MEASURES])


def national_of(table: SurveyTable) -> float:
    """Return the nation's prevalence of the first question in the last year, in percent."""
    cells = table.questions[0].cells
    chosen = cells.locations == table.national_code
    chosen &= cells.strata == table.strata_codes("Total")[0]
    chosen &= cells.periods == len(table.periods) - 1
    return float(cells.value_sum[chosen][0])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
