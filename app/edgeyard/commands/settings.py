"""The site's settings: declared once with type, default, bounds and text; the settings page and the docs read this."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec
from msgspec import Meta

from edgeyard.domain.error import UserError
from edgeyard.trust.durable_file import write_durably

_MAX_SETTINGS_BYTES = 64 * 1024
_IDENTIFIER = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"

_RULES = {
    "site": "a name of 1 to 63 lower-case letters, digits and hyphens",
    "broker": "one that is known",
    "log_level": "one that is known",
    "database_url": "a text of at most 500 characters",
}

Port = Annotated[int, Meta(ge=1, le=65535)]


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything a person may set for one site."""

    site: Annotated[
        str, Meta(pattern=_IDENTIFIER, title="Site name", description="Names the site in topics and certificates.")
    ] = "site"
    database_url: Annotated[
        str,
        Meta(
            max_length=500,
            title="Database",
            description="Empty for SQLite in the site folder, or a URL such as postgresql+psycopg://user@host/edgeyard.",
        ),
    ] = ""
    https_host: Annotated[
        str,
        Meta(
            max_length=253,
            title="Artifact server address",
            description="Name or address that devices reach the hub by.",
        ),
    ] = "127.0.0.1"
    https_port: Annotated[
        Port, Meta(title="Artifact server port", description="TCP port of the hub's HTTPS server.")
    ] = 8643
    mqtt_host: Annotated[
        str,
        Meta(max_length=253, title="Broker address", description="Name or address that devices reach the broker by."),
    ] = "127.0.0.1"
    mqtt_port: Annotated[Port, Meta(title="Broker port", description="TCP port of MQTT over TLS.")] = 8883
    broker: Annotated[
        str,
        Meta(
            pattern=r"^(auto|mosquitto|embedded|mqtts://[^/\s]+)$",
            title="Broker",
            description=(
                "auto: Mosquitto when it is installed, else the embedded broker; mosquitto; embedded; "
                "or mqtts://host:port of a broker that is run elsewhere."
            ),
        ),
    ] = "auto"
    log_level: Annotated[
        str,
        Meta(pattern="^(debug|info|warning|error)$", title="Log detail", description="debug, info, warning or error."),
    ] = "info"


@dataclass(frozen=True, slots=True)
class SettingText:
    """What a settings page or document says about one setting."""

    name: str
    title: str
    description: str
    default: Any


def describe_settings() -> list[SettingText]:
    """All settings with their texts and defaults, in declaration order."""
    defaults = msgspec.structs.asdict(Settings())
    hints = get_type_hints(Settings, include_extras=True)
    texts = []
    for name, default in defaults.items():
        metas = [meta for meta in hints[name].__metadata__ if isinstance(meta, Meta) and meta.title]
        texts.append(SettingText(name, str(metas[0].title), str(metas[0].description), default))
    return texts


def load_settings(path: Path) -> Settings:
    """Read the settings file; a missing one means the defaults. Raises `UserError` that names file, line or field."""
    todo = f"Correct {path}, or move it away to start with the defaults."
    try:
        if path.stat().st_size > _MAX_SETTINGS_BYTES:
            raise UserError(f"The settings file is over {_MAX_SETTINGS_BYTES} bytes.", todo)
        settings = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Settings)
    except FileNotFoundError:
        return Settings()
    except msgspec.ValidationError as error:
        raise UserError(f"The settings file cannot be used: {_plain(error)}", todo) from error
    except UnicodeDecodeError as error:
        raise UserError("The settings file is not UTF-8 text.", todo) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"The settings file cannot be used: {error}.", todo) from error
    except OSError as error:
        raise UserError(f"The settings file cannot be read ({error.strerror}).", todo) from error
    if settings.https_port == settings.mqtt_port:
        raise UserError(f"The settings https_port and mqtt_port are both {settings.https_port}.", todo)
    return settings


def _plain(error: msgspec.ValidationError) -> str:
    """What is wrong, without patterns and type names where the setting's own text says it better."""
    words = str(error)
    unknown = re.search(r"unknown field `(.*)`", words)
    if unknown:
        known = ", ".join(text.name for text in describe_settings())
        return f"there is no setting {unknown[1][:100]!r}. The settings are {known}."
    wrong = re.search(r"`\$\.(\w+)`", words)
    texts = {text.name: text for text in describe_settings()}
    if not wrong or wrong[1] not in texts:
        return f"{words}."
    text = texts[wrong[1]]
    rule = _RULES.get(text.name) or ("a number from 1 to 65535" if isinstance(text.default, int) else "a text")
    return f"the value of {text.name} is not {rule}. {text.description}"


def save_settings(path: Path, settings: Settings) -> None:
    """Write the settings file atomically, with each setting's text above it."""
    values = msgspec.structs.asdict(settings)
    lines = ["# Settings of this Edgeyard site. Restart the hub after a change."]
    for text in describe_settings():
        lines += ["", f"# {text.title}. {text.description}", f"{text.name} = {_toml(values[text.name])}"]
    write_durably(path, ("\n".join(lines) + "\n").encode(), mode=0o600)


def _toml(value: str | int) -> str:
    # A JSON string of these types is also a TOML basic string.
    return msgspec.json.encode(value).decode()
