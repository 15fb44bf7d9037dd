"""One name for a stratification category that CDC has renamed from one version of its table to the next."""

from dataclasses import replace

import numpy as np

from app.table.survey_rows.reduction import Reduction, sum_cells
from app.table.survey_table import NEWER_CATEGORIES


def unify_categories(reduction: Reduction) -> Reduction:
    """Return the reduction with the newer name of each category that occurs by both names."""
    names = reduction.names
    present = {category for category, _ in names.strata}
    newer = {old: new for old, new in NEWER_CATEGORIES.items() if {old, new} <= present}
    if not newer:
        return reduction
    renamed = [(newer.get(category, category), name) for category, name in names.strata]
    strata = tuple(sorted(set(renamed)))
    codes = np.array([*(strata.index(pair) for pair in renamed), -1], dtype=np.int64)  # -1: no stratum
    cells = replace(reduction.cells, strata=codes[reduction.cells.strata])
    groups, cells = sum_cells(reduction.groups, cells)
    return replace(reduction, names=replace(names, strata=strata), groups=groups, cells=cells)
