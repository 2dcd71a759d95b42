"""The window around the pages: rail, header, status bar, palette, notices."""
