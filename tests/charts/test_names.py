"""Names of a scatter plot: no name that is written overlaps another one or a point, and lone points have theirs."""

from random import Random

from app.charts.names import ABOVE, BELOW, CHAR_PIXELS, LINE_PIXELS, POINT_PIXELS, free_places


def test_names_that_are_written_overlap_nothing() -> None:
    draw = Random(1)
    points = [(draw.uniform(0, 250), draw.uniform(0, 380)) for _ in range(54)]
    places = free_places(points, ["OH"] * len(points))
    written = [(x, y + down) for (x, y), down in zip(points, places, strict=True) if down is not None]
    assert len(written) > 20
    for at, (x, y) in enumerate(written):
        for other_x, other_y in written[:at]:
            assert abs(x - other_x) >= 2 * CHAR_PIXELS or abs(y - other_y) >= LINE_PIXELS
        for other_x, other_y in points:
            is_beside = abs(x - other_x) >= CHAR_PIXELS + POINT_PIXELS
            assert is_beside or abs(y - other_y) >= LINE_PIXELS / 2 + POINT_PIXELS


def test_a_name_stands_above_its_point_or_else_below_it_or_nowhere() -> None:
    assert free_places([(100, 100)], ["OH"]) == [ABOVE]
    assert free_places([(100, 100), (100, 91), (300, 300)], ["OH", "UT", "TX"]) == [BELOW, ABOVE, ABOVE]
    crowd = [(100.0, 100.0 + step) for step in range(-12, 13, 6)]
    assert free_places(crowd, ["OH"] * 5).count(None) >= 3
    assert free_places([], []) == []
