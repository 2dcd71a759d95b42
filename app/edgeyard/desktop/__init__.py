"""The Qt application. The only importer of PySide6 and pyqtgraph."""
