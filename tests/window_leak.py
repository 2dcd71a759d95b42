"""Windows that outlive what opened them: they cost memory, disturb others, and may crash the interpreter's end."""

import gc
import sys
from collections import Counter


def end_windows() -> str:
    """End every window that is still there; gives what they were (`2 QMenu, 1 PlanDialog`), nothing if all was well."""
    if "PySide6.QtWidgets" not in sys.modules:
        return ""
    from PySide6.QtCore import QCoreApplication, QEvent
    from PySide6.QtWidgets import QApplication

    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    if QApplication.topLevelWidgets():
        # What was only part of a circle of references is no leak.
        gc.collect()
    left = QApplication.topLevelWidgets()
    names = Counter(type(window).__name__ for window in left)
    for window in left:
        window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    return ", ".join(f"{count} {name}" for name, count in sorted(names.items()))
