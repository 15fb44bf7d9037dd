"""Where locations are on the two maps: shapes with squares beside them, and tiles of equal size.

Locations go by their abbreviations. The nation is on neither map.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

SHAPES_FILE = Path(__file__).parent / "shapes" / "states.json"  # the README beside it names its source

GRID = """
AK .. .. .. .. .. .. .. .. .. ME
.. .. .. .. .. WI .. .. .. VT NH
WA ID MT ND MN IL MI .. NY MA RI
OR NV WY SD IA IN OH PA NJ CT ..
CA UT CO NE MO KY WV VA MD DE ..
.. AZ NM KS AR TN NC SC DC .. ..
.. .. .. OK LA MS AL GA .. .. ..
HI GU .. TX .. .. .. .. FL PR VI
"""
NO_TILE = ".."

# Column and row of each location's tile, counted from the upper left corner.
TILES: Mapping[str, tuple[int, int]] = {
    name: (column, row)
    for row, line in enumerate(GRID.split("\n")[1:-1])
    for column, name in enumerate(line.split())
    if name != NO_TILE
}
COLUMNS = 1 + max(column for column, _ in TILES.values())
ROWS = 1 + max(row for _, row in TILES.values())

# The part of the plane of the shapes that a map shows, in the unit of the shapes.
FRAME_LEFT, FRAME_TOP, FRAME_WIDTH, FRAME_HEIGHT = -60, 10, 1110, 600
# A point inside each state's largest part, for its name and marks.
LABEL_POINTS = """
AK 108 519  AL 675 443  AR 565 380  AZ 202 401  CA  96 330  CO 331 290  CT 886 190  DC 828 268  DE 857 268  FL 793 538
GA 746 441  HI 318 588  IA 540 226  ID 198 173  IL 610 268  IN 668 275  KS 451 309  KY 706 316  LA 563 452  MA 885 173
MD 826 256  ME 923  94  MI 688 198  MN 525 107  MO 563 326  MS 617 421  MT 292 102  NC 810 348  ND 431 104  NE 445 241
NH 895 152  NJ 860 245  NM 311 398  NV 136 244  NY 840 172  OH 724 251  OK 474 377  OR  98 137  PA 799 227  RI 903 180
SC 785 392  SD 420 171  TN 674 362  TX 455 471  UT 225 288  VA 808 306  VT 871 124  WA 134  66  WI 589 154  WV 757 299
WY 308 190
"""
_WORDS = LABEL_POINTS.split()
SHAPES: Mapping[str, tuple[int, int]] = {
    name: (int(x), int(y)) for name, x, y in zip(_WORDS[::3], _WORDS[1::3], _WORDS[2::3], strict=True)
}

# States too small to be hit or labelled, down the Atlantic; below them the territories; and beside its islands, Hawaii.
SQUARE, SQUARE_STEP = 50, 54
_SMALL_STATES = ("VT", "NH", "MA", "RI", "CT", "NJ", "DE", "MD", "DC")
SQUARES: Mapping[str, tuple[int, int]] = {
    **{name: (1015, 80 + SQUARE_STEP * line) for line, name in enumerate(_SMALL_STATES)},
    **{name: (907 + SQUARE_STEP * column, 575) for column, name in enumerate(("GU", "PR", "VI"))},
    "HI": (385, 575),
}


@cache
def state_shapes() -> Mapping[str, Any]:
    """Read the shapes of the states, a TopoJSON topology with the object ``states``, once per process."""
    shapes: Mapping[str, Any] = json.loads(SHAPES_FILE.read_bytes())
    return shapes
