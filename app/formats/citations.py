"""The citation of a result as a file: BibTeX and CSL-JSON."""

from collections.abc import Mapping
from typing import Any

import orjson

from app.errors import InvalidRequestError
from app.formats.format import Format
from app.jobs.job import Job
from app.statistics import STATISTICS


def bibtex(citation: Mapping[str, Any]) -> bytes:
    """Return a citation as a file for BibTeX."""
    content: str = citation["bibtex"]
    return content.encode()


def csl_json(citation: Mapping[str, Any]) -> bytes:
    """Return a citation as a CSL-JSON file, which is a list of items."""
    return orjson.dumps([citation["csl"]], option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _citation(job: Job, content: bytes) -> dict[str, Any]:
    """Return the citation in the document of a job.

    Raises
    ------
    InvalidRequestError: it has none
    """
    citation: dict[str, Any] | None = orjson.loads(content).get("citation")
    if citation is not None:
        return citation
    statistic = STATISTICS.get(job.statistic)
    if statistic is not None and statistic.provenance:
        raise InvalidRequestError(
            f"{job.id} has no citation: an earlier version of the server computed it; submit the request again"
        )
    cited = ", ".join(name for name, known in STATISTICS.items() if known.provenance)
    raise InvalidRequestError(f"results of {job.statistic} have no citation; those of {cited} have one")


BIBTEX = Format(
    "bibtex",
    "application/x-bibtex",
    "application/x-bibtex; charset=utf-8",
    lambda job, content: bibtex(_citation(job, content)),
    "bib",
)
CSL_JSON = Format(
    "csljson",
    "application/vnd.citationstyles.csl+json",
    "application/vnd.citationstyles.csl+json",
    lambda job, content: csl_json(_citation(job, content)),
    "csl.json",
)
