"""Where each device of the heat map lies: named tiles while they fit, else cells as large as the room allows. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

TILE_HEIGHT = 28
TILE_GAP = 4
MAX_CELL = 24
MIN_CELL = 3
_STRETCH = 1.25
_MOST_TILE_ROWS = 4
_FEW = 2000
_FEW_HEIGHT, _MANY_HEIGHT = 132, 264
SHAPE_FROM = 10
"""From this side on a cell shows its shape too."""


@dataclass(frozen=True, slots=True)
class HeatLayout:
    """A grid: device `n` is in column `n % columns` and row `n // columns`. Sides are pixels with their gap."""

    count: int
    columns: int
    cell_width: int
    cell_height: int
    tiles: bool

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return -(-self.count // self.columns) if self.columns else 0

    @property
    def height(self) -> int:
        """The height of the whole grid in pixels."""
        return self.rows * self.cell_height

    def at(self, x: int, y: int) -> int:
        """The device at a point, or -1."""
        if x < 0 or y < 0 or not self.columns:
            return -1
        column, row = x // self.cell_width, y // self.cell_height
        number = row * self.columns + column
        return number if column < self.columns and number < self.count else -1

    def corner(self, number: int) -> tuple[int, int]:
        """The upper left corner of a device's cell."""
        return (number % self.columns) * self.cell_width, (number // self.columns) * self.cell_height


def lay_out(count: int, width: int, height: int, tile_width: int) -> HeatLayout:
    """The best grid for `count` devices in `width` × `height` pixels; `tile_width` is what the longest name needs."""
    if count <= 0 or width < MIN_CELL:
        return HeatLayout(0, 0, 1, 1, tiles=False)
    columns = width // (tile_width + TILE_GAP)
    if columns and -(-count // columns) * (TILE_HEIGHT + TILE_GAP) <= height:
        room = (width + TILE_GAP) // min(columns, max(count, 3))
        wide = min(room, int(tile_width * _STRETCH) + TILE_GAP)
        return HeatLayout(count, columns, max(wide, tile_width + TILE_GAP), TILE_HEIGHT + TILE_GAP, tiles=True)
    side = MIN_CELL
    for candidate in range(MAX_CELL, MIN_CELL, -1):
        if (width // candidate) * (height // candidate) >= count:
            side = candidate
            break
    return HeatLayout(count, max(1, width // side), side, side, tiles=False)


def height_for(count: int, width: int, tile_width: int) -> int:
    """The height that suits a fleet of this size: exactly the rows of tiles, or of the largest cells with room."""
    columns = max(1, width // (tile_width + TILE_GAP))
    tile_rows = -(-count // columns)
    if tile_rows <= _MOST_TILE_ROWS:
        return tile_rows * (TILE_HEIGHT + TILE_GAP)
    most = _FEW_HEIGHT if count <= _FEW else _MANY_HEIGHT
    for side in range(MAX_CELL, MIN_CELL, -1):
        height = -(-count // max(1, width // side)) * side
        if height <= most:
            return height
    return most
