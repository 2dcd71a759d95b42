"""`edgeyard device`: list devices, show one, set labels."""

from __future__ import annotations

import argparse

from edgeyard.cli.common import (
    add_json_option,
    add_site_option,
    open_workspace,
    print_json,
    print_table,
)
from edgeyard.domain.error import UserError

_CLOCK_OFF_S = 60.0
_UNITS = ((86_400.0, "days"), (3_600.0, "hours"), (60.0, "minutes"))


def add_parser(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the noun and its verbs."""
    verbs = nouns.add_parser("device", help="devices of the fleet").add_subparsers(required=True, metavar="verb")
    listing = verbs.add_parser("list", help="list devices, by a filter such as 'hw:pi5 !status:offline'")
    listing.add_argument("filter", nargs="?", default="")
    add_site_option(listing)
    add_json_option(listing)
    listing.set_defaults(run=_list)
    label = verbs.add_parser("label", help="set labels (key=value) or remove them (key=)")
    label.add_argument("device")
    label.add_argument("labels", nargs="+", metavar="KEY=VALUE")
    add_site_option(label)
    label.set_defaults(run=_label)


def _list(options: argparse.Namespace) -> int:
    from edgeyard.domain.device import device_status
    from edgeyard.domain.filter import parse_filter
    from edgeyard.store.device import list_devices

    wanted = parse_filter(options.filter)
    with open_workspace(options) as workspace:
        now = workspace.clock()
        with workspace.database.read() as connection:
            devices = list_devices(connection)
    found = [(d, s) for d in devices if wanted.matches(d, s := device_status(d, now), now)]
    if options.json:
        print_json([{"status": status, **_fields(device)} for device, status in found])
        return 0
    rows = [
        (
            d.id,
            s,
            d.hardware_profile,
            f"{d.running_model} {d.running_version or ''} {d.running_variant}".strip(),
            d.problem or _clock_words(d.clock_skew_s),
        )
        for d, s in found
    ]
    print_table(("device", "status", "hardware", "model", "problem"), rows)
    return 0


def _clock_words(skew_s: float | None) -> str:
    """What to do about a clock that is over a minute off; the device works on, but its dates are wrong."""
    if skew_s is None or abs(skew_s) <= _CLOCK_OFF_S:
        return ""
    side = "ahead" if skew_s > 0 else "behind"
    size_s, unit = next(((size, unit) for size, unit in _UNITS if abs(skew_s) >= 2 * size), (1.0, "s"))
    return f"Its clock is {abs(skew_s) / size_s:,.0f} {unit} {side}. Set up time synchronisation (NTP) on it."


def _fields(device: object) -> dict[str, object]:
    import msgspec

    fields: dict[str, object] = msgspec.to_builtins(device)
    return fields


def _label(options: argparse.Namespace) -> int:
    from edgeyard.commands.fleet_command import change_labels

    changes = {}
    for text in options.labels:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise UserError(f"The label {text!r} cannot be used.", "Write it as key=value, or key= to remove it.")
        changes[key] = value
    with open_workspace(options) as workspace:
        change_labels(workspace, [options.device], changes)
    return 0
