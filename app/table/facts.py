"""CDC's questions and locations: the defaults for tables without question ids, classes or state abbreviations.

No table has the direction in which a question is good. ``cdc_facts.json`` holds the facts and names their source.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

FACTS_FILE = Path(__file__).with_name("cdc_facts.json")

Direction = Literal["min", "max"]


@dataclass(frozen=True, slots=True)
class KnownQuestion:
    """A question of the CDC table.

    Parameters
    ----------
    short: its subject in a few words
    also: other words that people look for it by
    best: the good end of the scale
    """

    id: str
    text: str
    short: str
    also: str
    class_name: str
    best: Direction


@dataclass(frozen=True, slots=True)
class SurveyFacts:
    """Questions by id and by text, and abbreviations by location name."""

    questions: dict[str, KnownQuestion]
    abbreviations: dict[str, str]

    def find_question(self, text: str, question_id: str | None) -> KnownQuestion | None:
        """Look a question up by its text, or by its id because some years word it differently."""
        return self.questions.get(text) or self.questions.get(question_id or "")


@cache
def survey_facts() -> SurveyFacts:
    """Read the facts file, once per process."""
    facts = json.loads(FACTS_FILE.read_text(encoding="utf-8"))
    questions: dict[str, KnownQuestion] = {}
    for fact in facts["questions"]:
        known = KnownQuestion(fact["id"], fact["text"], fact["short"], fact["also"], fact["class"], fact["best"])
        questions[known.id] = questions[known.text] = known
    return SurveyFacts(questions, {fact["name"]: fact["abbr"] for fact in facts["locations"]})
