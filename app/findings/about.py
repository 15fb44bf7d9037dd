"""What a result is about, read from its provenance: the subject, the unit, the years and the restrictions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.table.facts import survey_facts
from app.table.question import PERCENT, question_name
from app.table.stratification import TOTAL

UNKNOWN_SUBJECT = "Figures"


@dataclass(frozen=True, slots=True)
class About:
    """What a result is about.

    Parameters
    ----------
    subject: the short name of the question, or its text if it has none
    other_subject: that of the second question; "" if there is one question only
    unit: ``PERCENT`` or the table's own word
    scale: on which confidence limits are symmetric, "logit" or "linear"; None if that is not known
    years: labels of the years of the rows
    strata: category and name of each stratum that the rows were restricted to, without the total
    locations: names of the locations that the rows were restricted to
    """

    subject: str
    other_subject: str
    unit: str
    scale: str | None
    years: tuple[int | str, ...]
    strata: tuple[tuple[str, str], ...]
    locations: tuple[str, ...]

    @property
    def category(self) -> str:
        """The only category of the strata; "" if there are several, or none."""
        categories = {category for category, _ in self.strata}
        return categories.pop() if len(categories) == 1 else ""


def about_of(provenance: Mapping[str, Any]) -> About:
    """Return what a provenance says. Older results lack some of it, and a result of a lost table lacks all."""
    filters, other = provenance.get("filters", {}), provenance.get("other")
    strata = [(each["category"], each["value"]) for each in filters.get("stratification", ())]
    return About(
        subject=_subject(provenance),
        other_subject=_subject(other) if other else "",
        unit=provenance.get("unit", PERCENT),
        scale=provenance.get("limits_scale"),
        years=tuple(provenance.get("years", ())),
        strata=tuple(stratum for stratum in strata if stratum[0] != TOTAL),
        locations=tuple(filters.get("locations", ())),
    )


def short_name(text: str) -> str:
    """Return the short name of a question; its text if it has none."""
    known = survey_facts().questions.get(text)
    return known.short if known else text


def _subject(part: Mapping[str, Any]) -> str:
    if not part.get("question"):
        return UNKNOWN_SUBJECT
    return question_name(short_name(part["question"]), part.get("response"), part.get("value_type"))
