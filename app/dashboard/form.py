"""The form as a page shows it: its choices, filled in with what was asked."""

from typing import Any

from app.dashboard.choices import choices_over, takes
from app.dashboard.fields import Fields
from app.survey_table import SurveyTable

QUESTION_FIELDS = ("question", "other_question")
FILTER_FIELDS = ("from", "to", "years", "locations", "exclude", "best", "suppressed")


def form_values(table: SurveyTable, fields: Fields) -> dict[str, Any]:
    """Return what the template of the form is filled in with.

    Those are ``choices``, ``fields``, ``asked`` (whether anything was), ``taken`` (the fields that the statistic takes)
    and ``filtered`` (whether there are filters, so that they are shown at once).
    """
    choices = choices_over(table)
    asked = bool(fields.get("statistic"))
    fields = fields if asked else {**choices.first, **fields}
    texts = {question.id: question.text for question in choices.questions if question.id}
    named = {name: [texts.get(text, text) for text in fields.get(name, ())] for name in QUESTION_FIELDS}
    return {
        "choices": choices,
        "fields": {**fields, **named},
        "asked": asked,
        "taken": takes(fields["statistic"][0]),
        "filtered": any(any(fields.get(name, ())) for name in FILTER_FIELDS),
    }
