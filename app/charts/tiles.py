"""A map of the United States in tiles of equal size, each location near its neighbours.

``US`` is the nation; Guam, Puerto Rico and the Virgin Islands are in the bottom row, beside Hawaii and Florida.
"""

from collections.abc import Mapping

GRID = """
AK .. US .. .. .. .. .. .. .. ME
.. .. .. .. .. WI .. .. .. VT NH
WA ID MT ND MN IL MI .. NY MA RI
OR NV WY SD IA IN OH PA NJ CT ..
CA UT CO NE MO KY WV VA MD DE ..
.. AZ NM KS AR TN NC SC DC .. ..
.. .. .. OK LA MS AL GA .. .. ..
HI GU .. TX .. .. .. .. FL PR VI
"""
NO_TILE = ".."

# Column and row of each location by its abbreviation, counted from the upper left corner.
TILES: Mapping[str, tuple[int, int]] = {
    name: (column, row)
    for row, line in enumerate(GRID.split("\n")[1:-1])
    for column, name in enumerate(line.split())
    if name != NO_TILE
}
COLUMNS = 1 + max(column for column, _ in TILES.values())
ROWS = 1 + max(row for _, row in TILES.values())
