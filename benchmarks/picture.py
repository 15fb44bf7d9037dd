"""Draw how many times better or worse than its target each ratio is."""

from collections.abc import Sequence
from pathlib import Path

import altair as alt
import pandas as pd

from benchmarks.comparison import Comparison

REACHED_COLOUR, MISSED_COLOUR = "#2b7bba", "#d9822b"  # distinguishable for colour-blind readers
WIDTH_PIXELS, STEP_PIXELS = 420, 17
LABEL_PIXELS = 420


def write_picture(path: Path, compared: Sequence[Comparison]) -> None:
    """Draw a bar from target to ratio for each comparison, on a logarithmic scale. Each needs a target."""
    rows = pd.DataFrame(
        {
            "what": [item.what.replace("`", "") for item in compared],
            "margin": [item.margin for item in compared],
            "end": [max(item.margin or 1.0, 1.0) for item in compared],  # where the labels start
            "reached": [item.reached for item in compared],
            "figures": [f"{item.ratio_text}, {item.target_text}" for item in compared],
        }
    )
    base = alt.Chart(rows).encode(y=alt.Y("what:N", sort=None, title=None, axis=alt.Axis(labelLimit=LABEL_PIXELS)))
    bars = base.mark_bar().encode(
        x=_margin_axis(rows["margin"].min(), rows["margin"].max()),
        x2=alt.datum(1.0),
        color=alt.condition("datum.reached", alt.value(REACHED_COLOUR), alt.value(MISSED_COLOUR)),
    )
    figures = base.mark_text(align="left", dx=4, fontSize=9).encode(x="end:Q", text="figures:N")
    target = alt.Chart(pd.DataFrame({"target": [1.0]})).mark_rule(strokeDash=[3, 3]).encode(x="target:Q")
    chart = alt.layer(bars, figures, target)
    chart.properties(title="Ratios against their targets", width=WIDTH_PIXELS, height=alt.Step(STEP_PIXELS)).save(path)


def _margin_axis(lowest: float, highest: float) -> alt.X:
    """Return an axis for the margins, with room for the labels at its end."""
    return alt.X(
        "margin:Q",
        title="times better than its target (logarithmic; left of 1 the target is missed)",
        scale=alt.Scale(type="log", domain=[min(lowest, 0.5) / 2, max(highest, 2.0) * 30]),
        axis=alt.Axis(format="~g", tickCount=6),
    )
