"""Names beside the points of a scatter plot: those that overlap neither another name nor a point are written."""

from collections.abc import Iterator, Sequence

Point = tuple[float, float]
Box = tuple[float, float, float, float]  # left, top, right, bottom

CHAR_PIXELS, LINE_PIXELS = 6.5, 9.0
POINT_PIXELS = 3.5  # half the width of a point, with some room
AWAY_PIXELS = 9.0  # between a point and the middle of a name above or below it
ABOVE, BELOW = -AWAY_PIXELS, AWAY_PIXELS


def free_places(points: Sequence[Point], names: Sequence[str]) -> list[float | None]:
    """Return how far below its point each name stands, in pixels; None where it has not enough room.

    Points far from the middle of all come first: they are what a reader looks for.

    Parameters
    ----------
    points: their places in pixels, x to the right and y down
    """
    middle = [sum(axis) / len(points) for axis in zip(*points, strict=True)] if points else []
    order = sorted(range(len(points)), key=lambda at: -_distance(points[at], middle))
    taken = [(x - POINT_PIXELS, y - POINT_PIXELS, x + POINT_PIXELS, y + POINT_PIXELS) for x, y in points]
    places: list[float | None] = [None] * len(points)
    for at in order:
        for down, box in _boxes(points[at], names[at]):
            if not any(_overlap(box, other) for other in taken):
                places[at] = down
                taken.append(box)
                break
    return places


def _boxes(point: Point, name: str) -> Iterator[tuple[float, Box]]:
    """Yield the places that a name may have, and its box there."""
    half = CHAR_PIXELS * len(name) / 2
    x, y = point
    for down in (ABOVE, BELOW):
        yield down, (x - half, y + down - LINE_PIXELS / 2, x + half, y + down + LINE_PIXELS / 2)


def _distance(point: Point, middle: Sequence[float]) -> float:
    return (point[0] - middle[0]) ** 2 + (point[1] - middle[1]) ** 2


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
