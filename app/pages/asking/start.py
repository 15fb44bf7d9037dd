"""The first screen: the answer to the question of an empty form, its finding, and its picture."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.charts import kinds_of
from app.errors import ServiceError
from app.findings import finding_of, title_of
from app.pages.asking.leads import Lead
from app.pages.page_jobs import finished_documents, page_job
from app.queries.form_fields import Fields, address_of, body_of
from app.statistics import STATISTICS

WAIT_SECONDS = 1.0  # the page is shown without its answer if that takes longer
MAP = "map"


@dataclass(frozen=True, slots=True)
class StartView:
    """What the first screen shows; ``state`` says why there is no answer, and the other texts are empty then."""

    leads: Sequence[Lead]
    title: str = ""
    finding: str = ""
    picture: str = ""
    address: str = ""
    state: str = ""


def start_view(fields: Fields, leads: Sequence[Lead]) -> StartView:
    """Return the first screen, whose answer is computed by the pool for the first visitor.

    Parameters
    ----------
    fields: those of an empty form
    """
    (statistic,) = fields["statistic"]
    try:
        job = page_job(statistic, body_of(fields, STATISTICS[statistic].body))
        (document,) = finished_documents([job], WAIT_SECONDS)
    except ServiceError as error:
        return StartView(leads, state=error.reason)
    if document is None:
        return StartView(leads, state="the first answer is being computed; reload the page to see it")
    provenance = document["provenance"]
    kinds = kinds_of(statistic, document)
    kind = MAP if MAP in kinds else next(iter(kinds), "")
    named = {name: texts for name, texts in fields.items() if name != "state"}
    return StartView(
        leads,
        title=title_of(statistic, document["data"], provenance),
        finding=finding_of(statistic, document["data"], provenance),
        picture=f"/api/get_results/{job.id}?format=svg&kind={kind}&titles=no" if kind else "",
        address=address_of({**named, "kind": [kind]} if kind else named),
    )
