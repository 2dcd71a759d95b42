"""The style sheet: spacing, borders and focus of Qt's own widgets. Fonts and painted widgets are not in here."""

from __future__ import annotations

from edgeyard.desktop.look.palette import Palette

_SHEET = """
QWidget { outline: 0; }
QMainWindow, QDialog { background: @window; }
QToolTip { background: @panel; color: @text; border: 1px solid @line; padding: 4px 6px; }

QFrame[panel="true"] { background: @panel; border: 1px solid @line; border-radius: 4px; }
QFrame[panel="flat"] { background: @panel; border: 0; }
QLabel[role="quiet"] { color: @quiet; }
QLabel[role="attention"] { color: @attention; }
QLabel[role="alarm"] { color: @alarm; }
QLabel { background: transparent; }

QPushButton, QToolButton[framed="true"] {
  background: @panel; color: @text; border: 1px solid @line; border-radius: 4px; padding: 0 11px; min-height: 26px; }
QPushButton:hover, QToolButton[framed="true"]:hover { background: @hover; }
QPushButton:pressed, QToolButton[framed="true"]:pressed { background: @selected; }
QPushButton:disabled, QToolButton[framed="true"]:disabled { color: @healthy; background: @window; }
QPushButton:focus, QToolButton[framed="true"]:focus { border: 2px solid @accent; padding: 0 10px; min-height: 24px; }
QPushButton[primary="true"] { background: @accent; color: @on_accent; border-color: @accent; }
QPushButton[primary="true"]:hover { background: @accent_hover; }
QPushButton[primary="true"]:disabled { background: @band; color: @quiet; border-color: @line; }
QPushButton[primary="true"]:focus { border: 2px solid @text; }
QPushButton[link="true"] { background: transparent; border: 0; color: @accent; padding: 0 2px; text-align: left; }
QPushButton[link="true"]:hover { text-decoration: underline; }
QPushButton[link="true"]:focus { border: 2px solid @accent; padding: 0; }
QToolButton { background: transparent; color: @text; border: 2px solid transparent; border-radius: 4px; padding: 2px; }
QToolButton:hover { background: @hover; }
QToolButton:pressed { background: @selected; }
QToolButton:checked { background: @selected; }
QToolButton:focus { border-color: @accent; }
QToolButton::menu-indicator { image: none; }

QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox {
  background: @panel; color: @text; border: 1px solid @line; border-radius: 4px; padding: 0 7px; min-height: 26px;
  selection-background-color: @selected; selection-color: @text; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus {
  border: 2px solid @accent; padding: 0 6px; min-height: 24px; }
QLineEdit[wrong="true"] { border-color: @attention; }
QComboBox QAbstractItemView { background: @panel; border: 1px solid @line; padding: 4px; }
QComboBox::drop-down { border: 0; width: 22px; }
QComboBox::down-arrow { image: url(@down); width: 14px; height: 14px; }
QSpinBox, QDoubleSpinBox { padding-right: 20px; }
QSpinBox::up-button, QDoubleSpinBox::up-button, QSpinBox::down-button, QDoubleSpinBox::down-button {
  background: transparent; border: 0; width: 18px; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url(@up); width: 12px; height: 12px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url(@down); width: 12px; height: 12px; }
QCheckBox, QRadioButton { spacing: 8px; padding: 2px; border: 2px solid transparent; border-radius: 4px; }
QCheckBox:focus, QRadioButton:focus { border-color: @accent; }

QAbstractItemView { background: @panel; color: @text; border: 0; selection-background-color: @selected;
  selection-color: @text; }
QHeaderView { background: @panel; border: 0; }
QHeaderView::section { background: @panel; color: @quiet; border: 0; border-bottom: 1px solid @line; padding: 0 8px;
  height: 27px; font-size: 11px; font-weight: 500; }
QHeaderView::section:hover { background: @hover; color: @text; }
QTableCornerButton::section { background: @panel; border: 0; }

QMenu { background: @panel; color: @text; border: 1px solid @line; padding: 4px; }
QMenu::item { padding: 5px 28px 5px 28px; border-radius: 3px; }
QMenu::item:selected { background: @selected; }
QMenu::item:disabled { color: @healthy; }
QMenu::icon { padding-left: 8px; }
QMenu::separator { height: 1px; background: @line; margin: 4px 0; }

QScrollBar { background: transparent; border: 0; }
QScrollBar:vertical { width: 12px; }
QScrollBar:horizontal { height: 12px; }
QScrollBar::handle { background: @scroll; border-radius: 4px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 28px; }
QScrollBar::handle:horizontal { min-width: 28px; }
QScrollBar::handle:hover { background: @healthy; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QScrollArea { border: 0; background: transparent; }
QScrollArea > QWidget > QWidget[ground="panel"] { background: @panel; }

QSplitter::handle { background: transparent; }
QSplitter::handle:hover { background: @line; }
QSplitter::handle:focus { background: @accent; }

QTabBar { background: transparent; }
QTabBar::tab { background: transparent; color: @quiet; border: 0; border-bottom: 2px solid transparent;
  padding: 6px 2px; margin-right: 16px; }
QTabBar::tab:selected { color: @text; border-bottom-color: @accent; }
QTabBar::tab:hover { color: @text; }
QTabBar::tab:focus { border: 2px solid @accent; }
QTabWidget::pane { border: 0; border-top: 1px solid @line; }

QProgressBar { background: @band; border: 0; border-radius: 2px; height: 4px; text-align: right; }
QProgressBar::chunk { background: @accent; border-radius: 2px; }
"""


def style_sheet(palette: Palette, up: str, down: str) -> str:
    """The sheet in the colours of `palette`; `up` and `down` are paths of arrow pictures."""
    values = {
        role: getattr(palette, role)
        for role in (
            "window", "panel", "line", "text", "quiet", "accent", "on_accent", "healthy", "attention", "alarm",
            "hover", "selected", "band",
        )
    }  # fmt: skip
    values["accent_hover"] = "#0957A6" if not palette.dark else "#86C0FF"
    values["scroll"] = "#C3CAD0" if not palette.dark else "#444B52"
    values |= {"up": up, "down": down}
    sheet = _SHEET
    for role in sorted(values, key=len, reverse=True):
        sheet = sheet.replace(f"@{role}", values[role])
    return sheet
