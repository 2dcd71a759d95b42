"""The colours of the three themes, and the arithmetic that proves them readable. No Qt in here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ThemeName(StrEnum):
    """What a person can choose; `SYSTEM` follows the operating system's light or dark."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"
    CONTRAST = "contrast"


@dataclass(frozen=True, slots=True)
class Palette:
    """One theme's colours as `#RRGGBB`, named by what they mean and never by what they look like.

    Red (`alarm`) and amber (`attention`) say that something is wrong; nothing else may use them.
    """

    name: ThemeName
    dark: bool
    window: str
    panel: str
    line: str
    text: str
    quiet: str
    accent: str
    on_accent: str
    healthy: str
    attention: str
    attention_ground: str
    alarm: str
    alarm_ground: str
    hover: str
    selected: str
    band: str
    """The normal range behind a line, and the bones of a view that is still loading."""
    series: tuple[str, ...]
    ramp: tuple[str, str]
    """Ends of the one sequential ramp, low to high."""


SERIES_LIGHT = ("#0A66C2", "#B5600A", "#5B7F2B", "#8A4FA3", "#00808A", "#A23B5A")
SERIES_DARK = ("#6CB2FF", "#E39A4C", "#9CC266", "#C493DA", "#4FBDC6", "#E0839F")
"""The same hues, lightened until a 1-px line has 3:1 on the dark panel."""

LIGHT = Palette(
    name=ThemeName.LIGHT, dark=False,
    window="#F3F4F5", panel="#FFFFFF", line="#D3D8DD", text="#1A1E22", quiet="#56606A",
    accent="#0A66C2", on_accent="#FFFFFF", healthy="#7A858F",
    attention="#9A5B00", attention_ground="#FFF3DC", alarm="#B3201F", alarm_ground="#FDE8E8",
    hover="#ECEFF1", selected="#DCE9F7", band="#E6E9EC", series=SERIES_LIGHT, ramp=("#DCE9F7", "#0A3F78"),
)  # fmt: skip

DARK = Palette(
    name=ThemeName.DARK, dark=True,
    window="#15181B", panel="#1D2125", line="#343A40", text="#E7EAED", quiet="#A0AAB4",
    accent="#6CB2FF", on_accent="#0C1A28", healthy="#8B96A0",
    attention="#FFC266", attention_ground="#3A2A0D", alarm="#FF8A85", alarm_ground="#401819",
    hover="#272C31", selected="#1F3347", band="#2A2F35", series=SERIES_DARK, ramp=("#22384E", "#A9D2FF"),
)  # fmt: skip

CONTRAST = Palette(
    name=ThemeName.CONTRAST, dark=True,
    window="#000000", panel="#000000", line="#8C959E", text="#FFFFFF", quiet="#D5DBE0",
    accent="#8CC4FF", on_accent="#000000", healthy="#B4BDC6",
    attention="#FFD27A", attention_ground="#241A00", alarm="#FFB3AF", alarm_ground="#2E0A0B",
    hover="#1C2227", selected="#17324E", band="#23282D", series=SERIES_DARK, ramp=("#1B3A59", "#CFE6FF"),
)  # fmt: skip

PALETTES = {palette.name: palette for palette in (LIGHT, DARK, CONTRAST)}


def text_pairs(palette: Palette) -> dict[str, tuple[str, str]]:
    """Every pairing of text and ground the desktop draws, by name: what the contrast test walks through."""
    grounds = {"window": palette.window, "panel": palette.panel, "hover": palette.hover, "selected": palette.selected}
    inks = {"text": palette.text, "quiet": palette.quiet, "accent": palette.accent}
    pairs = {f"{ink} on {ground}": (inks[ink], grounds[ground]) for ink in inks for ground in grounds}
    for role in ("attention", "alarm"):
        colour = getattr(palette, role)
        pairs |= {f"{role} on {ground}": (colour, grounds[ground]) for ground in ("window", "panel", "hover")}
        pairs[f"{role} on its ground"] = (colour, getattr(palette, f"{role}_ground"))
        pairs[f"text on {role} ground"] = (palette.text, getattr(palette, f"{role}_ground"))
    pairs["on_accent on accent"] = (palette.on_accent, palette.accent)
    return pairs


def shape_pairs(palette: Palette) -> dict[str, tuple[str, str]]:
    """Shapes and chart lines with the ground they stand on; these need 3:1."""
    inks = {role: getattr(palette, role) for role in ("healthy", "accent", "attention", "alarm")}
    inks |= {f"series {index}": colour for index, colour in enumerate(palette.series)}
    return {f"{ink} on panel": (colour, palette.panel) for ink, colour in inks.items()}


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two `#RRGGBB` colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(int(colour[start : start + 2], 16) / 255) for start in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
