"""Titles and findings: what a result is about in a few words, and its numbers in one sentence.

``title_of`` and ``finding_of`` read a result's data and its provenance alone, so that pages, pictures and archives say
the same. ``docs/statistics.md`` says what the sentences mean.
"""

from collections.abc import Callable, Mapping
from typing import Any

from app.findings.about import About, about_of
from app.findings.comparisons import compare, compare_all, correlate, trend, trends
from app.findings.estimates import alike_places, disparity, estimate, rank
from app.findings.means import differences, first_means, means, means_by_group, one_mean
from app.findings.titles import TITLES, titled, with_years
from app.statistics.registry import STATISTICS

__all__ = ["alike_of", "finding_of", "title_of"]

FINDINGS: Mapping[str, Callable[[Any, About], str]] = {
    "estimate": estimate,
    "rank": rank,
    "trend": trend,
    "trends": trends,
    "compare": compare,
    "compare_all": compare_all,
    "disparity": disparity,
    "correlate": correlate,
    "states_mean": means,
    "best5": first_means,
    "worst5": first_means,
    "best": first_means,
    "worst": first_means,
    "state_mean": means,
    "global_mean": one_mean,
    "diff_from_mean": differences,
    "state_diff_from_mean": differences,
    "mean_by_category": means_by_group,
    "state_mean_by_category": means_by_group,
}


def title_of(statistic: str, data: Any, provenance: Mapping[str, Any]) -> str:
    """Return the title of a result, such as ``Adult obesity by state, 2021``.

    Parameters
    ----------
    statistic: its name; the title of an unknown one is empty
    data: the ``data`` of a finished job
    provenance: where it comes from; what it lacks is left out of the title
    """
    about = about_of(provenance)
    if data and statistic in TITLES:
        return titled(statistic, data, about)
    known = STATISTICS.get(statistic)
    if known is None:
        return ""
    name = known.title
    return with_years(f"{about.subject}: {name[:1].lower()}{name[1:]}" if provenance.get("question") else name, about)


def finding_of(statistic: str, data: Any, provenance: Mapping[str, Any]) -> str:
    """Return a sentence made from the numbers of a result; an empty one if there is nothing to say.

    Parameters as for ``title_of``
    """
    find = FINDINGS.get(statistic)
    return find(data, about_of(provenance)) if find is not None and data else ""


def alike_of(statistic: str, data: Any, provenance: Mapping[str, Any]) -> Mapping[str, list[str]]:
    """Return the places that a finding counts as like the ``highest`` and the ``lowest``; none if it counts none.

    Parameters as for ``title_of``
    """
    return alike_places(data, about_of(provenance)) if statistic == "estimate" else {}
