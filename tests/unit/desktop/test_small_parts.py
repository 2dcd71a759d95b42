"""Words, memory, history, labels, icons."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray

from edgeyard.desktop.drag import DraggedVersion, read_version, version_mime
from edgeyard.desktop.fleet_page.label_dialog import common_labels, read_labels
from edgeyard.desktop.fleet_page.need_panel import wrap
from edgeyard.desktop.look.font import SIZES, font, metrics
from edgeyard.desktop.look.icon import icon
from edgeyard.desktop.look.theme import Theme
from edgeyard.desktop.memory import Memory
from edgeyard.desktop.page import Place
from edgeyard.desktop.shell.history import MAX_PLACES, History
from edgeyard.desktop.widget.words import age, count, figure, size
from edgeyard.domain.error import UserError
from tests.unit.desktop.fleet_world import device


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"),
        (0.0421, "0.042"),
        (4.2, "4.20"),
        (42.04, "42.0"),
        (420.4, "420"),
        (4200.0, "4,200"),
        (float("nan"), "–"),
    ],
)
def test_figures_have_three_digits(value: float, words: str) -> None:
    assert figure(value) == words


def test_ages_and_sizes_have_one_unit() -> None:
    assert [age(s) for s in (0.5, 12, 300, 7200, 90_000, 864_000)] == ["now", "12 s", "5 min", "2 h", "25 h", "10 d"]
    assert [size(b) for b in (512, 1_270_000, 2_000_000_000)] == ["512 B", "1.27 MB", "2.00 GB"]
    assert [count(n, "device") for n in (1, 12, 10_000)] == ["1 device", "12 devices", "10,000 devices"]


def test_figures_are_tabular_in_all_sizes(theme: Theme) -> None:
    for pixels in SIZES:
        assert font(pixels).family() == "Inter"
        assert metrics(pixels).horizontalAdvance("1111") == metrics(pixels).horizontalAdvance("8888")


def test_icons_take_the_colour_of_the_theme(theme: Theme) -> None:
    for name in ("rocket", "cpu", "search"):
        image = icon(name, "accent").pixmap(16, 16).toImage()
        inks = [image.pixelColor(x, y) for x in range(16) for y in range(16) if image.pixelColor(x, y).alpha() > 250]
        assert inks
        assert all(abs(ink.red() - 0x0A) + abs(ink.green() - 0x66) + abs(ink.blue() - 0xC2) <= 4 for ink in inks)
        assert not image.isNull()


def test_memory_keeps_values_and_takes_nothing_strange(tmp_path: Path) -> None:
    path = tmp_path / "desktop.ini"
    memory = Memory(path)
    memory.put("page", "fleet")
    memory.put("width", 300)
    memory.put("open", True)
    memory.put("state", QByteArray(b"abc"))
    memory.sync()
    again = Memory(path)
    assert again.text("page") == "fleet"
    assert again.number("width", 1, 0, 200) == 200
    assert again.flag("open")
    assert again.state("state") == QByteArray(b"abc")
    path.write_text("[General]\nwidth=many\npage=@Variant(\\0\\0\\0\\x7f\\0)\n")
    broken = Memory(path)
    assert broken.number("width", 7, 0, 10) == 7
    assert broken.text("page", "x") == "x" or isinstance(broken.text("page"), str)
    assert broken.state("nothing").isEmpty()


def test_history_goes_back_and_forward_and_forgets_what_lay_ahead() -> None:
    history = History(Place("fleet"))
    history.visit(Place("models"))
    history.visit(Place("rollouts", "1"))
    assert history.go(-1) == Place("models")
    assert history.go(-1) == Place("fleet")
    assert history.go(-1) == Place("fleet")
    assert history.go(1) == Place("models")
    history.visit(Place("device", "a"))
    assert not history.can_go(1)
    history.visit(Place("device", "a"))
    assert history.go(-1) == Place("models")


def test_history_is_bounded() -> None:
    history = History(Place("fleet"))
    for number in range(500):
        history.visit(Place("device", str(number)))
    steps = 0
    while history.can_go(-1):
        history.go(-1)
        steps += 1
    assert steps == MAX_PLACES - 1


def test_labels_are_read_a_line_each() -> None:
    assert read_labels(" hall = a \n\nline=3") == {"hall": "a", "line": "3"}
    for text, words in (
        ("hall", "Line 1 is no label"),
        ("a=1\na=2", "Line 2 sets a again"),
        ("a=", "Line 1"),
        ("a=" + "x" * 65, "too long"),
    ):
        with pytest.raises(UserError, match=words):
            read_labels(text)


def test_common_labels_are_those_that_all_share() -> None:
    devices = [device("a", labels={"x": "1", "y": "2"}), device("b", labels={"x": "1", "y": "3"})]
    assert common_labels(devices) == {"x": "1"}


def test_a_version_travels_through_a_drag_and_strangers_are_refused(theme: Theme) -> None:
    version = DraggedVersion(4, "yard-vision 2")
    mime = version_mime(version)
    assert read_version(mime) == version
    for data in (b"", b"{}", b"[]", b'{"version_id":"x","label":1}', b"\xff" * 10, b'"' + b"a" * 2000 + b'"'):
        mime.setData("application/x-edgeyard-version", data)
        assert read_version(mime) is None


def test_a_line_never_ends_between_a_number_and_its_unit(theme: Theme) -> None:
    text = "Self-test accuracy 55.3 % is below 80.7 % after 12 min"
    for width in range(60, 320, 7):
        lines = wrap(text, width, 30)
        assert not any(line.startswith(("%", "min")) for line in lines), (width, lines)
