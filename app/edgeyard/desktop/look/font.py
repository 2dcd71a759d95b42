"""One type family, bundled, with figures of equal width, in four sizes."""

from __future__ import annotations

from functools import cache

from PySide6.QtGui import QFont, QFontDatabase, QFontMetrics

from edgeyard.resource import resource_path

FAMILY = "Inter"
SMALL, BASE, LARGE, FIGURE = 11, 13, 16, 22
SIZES = (SMALL, BASE, LARGE, FIGURE)

REGULAR = QFont.Weight.Normal
MEDIUM = QFont.Weight.Medium
SEMIBOLD = QFont.Weight.DemiBold


@cache
def load_fonts() -> None:
    """Make the bundled family known to Qt. Needs an application."""
    for weight in ("Regular", "Medium", "SemiBold"):
        QFontDatabase.addApplicationFont(str(resource_path("fonts", f"Inter-{weight}.otf")))


@cache
def font(size: int = BASE, weight: QFont.Weight = REGULAR) -> QFont:
    """The family at one of `SIZES` pixels, with tabular figures."""
    assert size in SIZES
    made = QFont(FAMILY)
    made.setPixelSize(size)
    made.setWeight(weight)
    made.setFeature(QFont.Tag("tnum"), 1)
    made.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
    return made


@cache
def metrics(size: int = BASE, weight: QFont.Weight = REGULAR) -> QFontMetrics:
    """Measures of `font(size, weight)`."""
    return QFontMetrics(font(size, weight))
