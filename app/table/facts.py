"""What is known of CDC's questions and locations beforehand, for tables that leave it out.

A table need not carry question ids or abbreviations, and none carries the direction in which a question is good. The
figures are those of ``cdc_facts.json``, which names their source.
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

    ``short`` is its subject in a few words, and ``best`` says whether a low or a high percentage is the good one.
    """

    id: str
    text: str
    short: str
    class_name: str
    best: Direction


@dataclass(frozen=True, slots=True)
class SurveyFacts:
    """Questions by id and by text, and the abbreviation of each location by its name."""

    questions: dict[str, KnownQuestion]
    abbreviations: dict[str, str]


@cache
def survey_facts() -> SurveyFacts:
    """Read the facts file, once per process."""
    facts = json.loads(FACTS_FILE.read_text(encoding="utf-8"))
    questions: dict[str, KnownQuestion] = {}
    for fact in facts["questions"]:
        known = KnownQuestion(fact["id"], fact["text"], fact["short"], fact["class"], fact["best"])
        questions[known.id] = questions[known.text] = known
    return SurveyFacts(questions, {fact["name"]: fact["abbr"] for fact in facts["locations"]})
