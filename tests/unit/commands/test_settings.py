"""A broken settings file is refused in words of the person who wrote it, and left as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeyard.commands.settings import Settings, load_settings, save_settings
from edgeyard.domain.error import UserError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('site = "A B"', "the value of site is not a name of 1 to 63 lower-case letters, digits and hyphens."),
        ("https_port = 99999", "the value of https_port is not a number from 1 to 65535."),
        ('broker = "nope"', "the value of broker is not one that is known. auto: Mosquitto"),
        ("nosuch = 1", "there is no setting 'nosuch'. The settings are site, database_url,"),
        ("site = \n", "line 1"),
        ("https_port = 8883", "https_port and mqtt_port are both 8883"),
    ],
)
def test_a_broken_settings_file_is_refused_in_plain_words(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(UserError, match="settings") as caught:
        load_settings(path)
    assert words in caught.value.what
    assert str(path) in caught.value.todo
    assert "regex" not in caught.value.what
    assert path.read_text() == text


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="not UTF-8"):
        load_settings(path)


def test_what_is_saved_can_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    wanted = Settings(site="plant-7", https_port=1443)
    save_settings(path, wanted)
    assert load_settings(path) == wanted
