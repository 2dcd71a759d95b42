"""Text is readable in every theme, by arithmetic."""

import pytest

from edgeyard.desktop.look.palette import CONTRAST, DARK, LIGHT, PALETTES, Palette, contrast, shape_pairs, text_pairs


@pytest.mark.parametrize("palette", PALETTES.values(), ids=lambda palette: str(palette.name))
def test_every_text_stands_out_from_every_ground_it_is_drawn_on(palette: Palette) -> None:
    least = 7.0 if palette is CONTRAST else 4.5
    weak = {name: contrast(*pair) for name, pair in text_pairs(palette).items() if contrast(*pair) < least}
    assert not weak


@pytest.mark.parametrize("palette", PALETTES.values(), ids=lambda palette: str(palette.name))
def test_every_shape_and_chart_line_has_three_to_one(palette: Palette) -> None:
    weak = {name: contrast(*pair) for name, pair in shape_pairs(palette).items() if contrast(*pair) < 3.0}
    assert not weak


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_the_colours_are_those_that_were_decided() -> None:
    assert (LIGHT.window, LIGHT.panel, LIGHT.line) == ("#F3F4F5", "#FFFFFF", "#D3D8DD")
    assert (DARK.window, DARK.panel, DARK.line) == ("#15181B", "#1D2125", "#343A40")
    assert (LIGHT.alarm, LIGHT.attention, LIGHT.healthy) == ("#B3201F", "#9A5B00", "#7A858F")
    assert (DARK.alarm, DARK.attention, DARK.healthy) == ("#FF8A85", "#FFC266", "#8B96A0")
    assert LIGHT.series == ("#0A66C2", "#B5600A", "#5B7F2B", "#8A4FA3", "#00808A", "#A23B5A")
