"""What a chart is told beside the answer that it shows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["bars", "map", "dots", "heatmap", "lines", "trend", "comparison", "scatter", "figure"]
Theme = Literal["light", "dark"]


@dataclass(frozen=True, slots=True)
class ChartContext:
    """Where an answer comes from, for titles and the lines under the chart.

    Parameters
    ----------
    question: the question's full text
    source: the name of the table
    years: the years that the rows are of; empty where they are not known
    modelled: whether the table is modelled data
    abbreviations: the abbreviation of each location by its name; those that CDC uses are known without
    selection: what the rows were restricted to, a line each, such as ``Age (years): 18 - 24``
    """

    question: str
    source: str
    years: tuple[int, ...] = ()
    modelled: bool = False
    abbreviations: Mapping[str, str] = field(default_factory=dict)
    selection: tuple[str, ...] = ()
