"""A map of the United States in tiles of one size: each location near its neighbours, small ones as large as others.

``US`` is the nation; Guam, Puerto Rico and the Virgin Islands stand in the lowest row beside Hawaii and Florida.
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

# Column and row of each location, from the upper left corner, by its abbreviation.
TILES: Mapping[str, tuple[int, int]] = {
    name: (column, row)
    for row, line in enumerate(GRID.split("\n")[1:-1])
    for column, name in enumerate(line.split())
    if name != NO_TILE
}
COLUMNS = 1 + max(column for column, _ in TILES.values())
ROWS = 1 + max(row for _, row in TILES.values())
