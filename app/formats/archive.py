"""A result as a zip archive: its CSV file, what is needed to understand it, and how to cite it."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import orjson

from app.findings import title_of
from app.formats.citations import bibtex, csl_json
from app.formats.metadata import csvw_of
from app.formats.readme import Contents, readme_of
from app.formats.tables import CSV, columns_of
from app.jobs.job import Job

DATA, README, METADATA = "data.csv", "README.txt", "metadata.json"
CITATIONS = {"citation.bib": bibtex, "citation.csl.json": csl_json}
FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # of every file: the same result has the same bytes
PERMISSIONS = 0o644 << 16


def archive_of(job: Job, content: bytes, provenance: Mapping[str, Any]) -> bytes:
    """Return the archive of a job that is done; the same job has the same bytes.

    Parameters
    ----------
    content: its JSON document
    provenance: where its figures come from; empty if that is not known
    """
    document = orjson.loads(content)
    data, title = document["data"], title_of(job.statistic, document["data"], provenance) or job.id
    files = {DATA: CSV.write(job, content), METADATA: csvw_of(DATA, job.statistic, data, title, provenance)}
    if "citation" in document:
        files |= {name: write(document["citation"]) for name, write in CITATIONS.items()}
    contents = Contents(
        title=title,
        request=f"{job.statistic} {job.request.body.decode()}" if job.request else job.statistic,
        columns=list(columns_of(job.statistic, data)),
        files=list(files),
        provenance=provenance,
        citation=document["citation"]["text"] if "citation" in document else None,
    )
    return _zip({README: readme_of(contents).encode(), **files})


def _zip(files: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, FIXED_TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, PERMISSIONS
            written.writestr(entry, content)
    return archive.getvalue()
