"""One name for a stratification category that CDC has renamed from one version of its table to the next."""

from dataclasses import replace

import numpy as np

from app.table.stratification import JOINT, NEWER_CATEGORIES, newer_name
from app.table.survey_rows.reduction import Reduction, sum_cells


def unify_categories(reduction: Reduction) -> Reduction:
    """Return the reduction with the newer name of each category that occurs by both names."""
    names = reduction.names
    present = {part for category, _ in names.strata for part in category.split(JOINT)}
    if not any({old, new} <= present for old, new in NEWER_CATEGORIES.items()):
        return reduction
    renamed = [(newer_name(category), name) for category, name in names.strata]
    strata = tuple(sorted(set(renamed)))
    codes = np.array([*(strata.index(pair) for pair in renamed), -1], dtype=np.int64)  # -1: no stratum
    cells = replace(reduction.cells, strata=codes[reduction.cells.strata])
    groups, cells = sum_cells(reduction.groups, cells)
    return replace(reduction, names=replace(names, strata=strata), groups=groups, cells=cells)
