"""Every text of every chart is legible: its contrast to what is behind it, measured in the picture."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import pairwise

import pytest

from app.charts import Theme, chart_of
from app.charts.converter import Converter
from app.charts.look import LEGIBLE_CONTRAST, LOOKS, contrast, mixed, text_colour_on
from support.chart_documents import ABOUT, RESULTS

CONVERTER = Converter()  # starts no process before the first picture
TEXT = "{http://www.w3.org/2000/svg}text"
EVERY_KIND = [(name, kind) for name, (_, _, kinds) in RESULTS.items() for kind in kinds]
THEMES: tuple[Theme, ...] = ("light", "dark")


@pytest.fixture(scope="session", autouse=True)  # a worker may come back to this module
def close_converter() -> Iterator[None]:
    yield
    CONVERTER.close()


@pytest.mark.parametrize(("name", "kind"), EVERY_KIND)
@pytest.mark.parametrize("theme", THEMES)
def test_every_text_of_a_chart_is_legible(name: str, kind: str, theme: Theme) -> None:
    statistic, document, _ = RESULTS[name]
    spec = chart_of(statistic, document, ABOUT, kind=kind, theme=theme)
    picture = ET.fromstring(CONVERTER.picture(spec, "svg"))  # noqa: S314 - trusted XML of our own
    on_places = kind in {"map", "tiles"}
    inks = {row["ink"] for row in spec["datasets"]["rows"] if on_places}
    fills = {item.get("fill", "#000000") for item in picture.iter(TEXT)}
    ground = LOOKS[theme].ground
    illegible = {fill for fill in fills - inks if contrast(fill, ground) < LEGIBLE_CONTRAST}
    assert (len(fills) > 1, illegible) == (True, set())
    if on_places:
        scale = spec["layer"][0]["encoding"]["fill"]["scale"]
        colours = dict(zip(scale["domain"], scale["range"], strict=True))
        pairs = {(row["ink"], colours[row["class"]]) for row in spec["datasets"]["rows"]}
        assert [pair for pair in pairs if contrast(*pair) < LEGIBLE_CONTRAST] == []


@pytest.mark.parametrize("theme", THEMES)
def test_every_colour_of_lines_and_dots_is_legible_on_its_ground(theme: Theme) -> None:
    look = LOOKS[theme]
    colours = [look.ink, look.faint, look.main, look.other, *look.series]
    assert [colour for colour in colours if contrast(colour, look.ground) < LEGIBLE_CONTRAST] == []


@pytest.mark.parametrize("theme", THEMES)
def test_text_is_legible_on_every_colour_of_a_scale(theme: Theme) -> None:
    look = LOOKS[theme]
    for colours in (look.quantities, look.below_zero, look.above_zero):
        between = [mixed(colours, share / 100) for share in range(101)]
        assert between[0] == colours[0]
        assert between[-1] == colours[-1]
        assert min(contrast(text_colour_on(colour), colour) for colour in between) >= LEGIBLE_CONTRAST


@pytest.mark.parametrize("theme", THEMES)
def test_colours_of_quantities_grow_lighter_or_darker_all_the_way(theme: Theme) -> None:
    steps = [contrast(colour, "#000000") for colour in LOOKS[theme].quantities]
    assert len({low < high for low, high in pairwise(steps)}) == 1


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
