"""`edgeyard hub`: run the control plane, make join tokens, ask how it is."""

from __future__ import annotations

import argparse

from edgeyard.cli.common import (
    add_json_option,
    add_site_option,
    count_of_at_least_one,
    duration_s,
    open_workspace,
    print_json,
    print_line,
    print_table,
    site_folder,
)


def add_parser(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the noun and its verbs."""
    verbs = nouns.add_parser("hub", help="the control plane").add_subparsers(required=True, metavar="verb")
    run = verbs.add_parser("run", help="run the hub: broker, artifact server, rollouts")
    add_site_option(run)
    run.add_argument("--exit-with-parent", action="store_true", help="end when standard input is closed")
    run.set_defaults(run=_run)
    token = verbs.add_parser("token", help="make one-time join tokens")
    add_site_option(token)
    token.add_argument("--role", choices=("device", "operator"), default="device")
    token.add_argument("--count", type=count_of_at_least_one, default=1)
    token.add_argument("--profile", default="", help="hardware profile the device must have")
    token.add_argument("--valid-for", type=duration_s, default=3600.0, metavar="SECONDS")
    token.set_defaults(run=_token)
    status = verbs.add_parser("status", help="how hub, broker and database are")
    add_site_option(status)
    add_json_option(status)
    status.set_defaults(run=_status)


def _run(options: argparse.Namespace) -> int:
    from edgeyard.commands.settings import load_settings
    from edgeyard.hub.run import run_hub

    folder = site_folder(options)
    return run_hub(folder, load_settings(folder.settings_file), exit_with_parent=options.exit_with_parent)


def _token(options: argparse.Namespace) -> int:
    from edgeyard.cli.unlock import ask_unlock
    from edgeyard.commands.release_signing import ensure_release_root

    with open_workspace(options) as workspace:
        hub = workspace.hub()
        try:
            if options.role == "device" and not hub.site().release_root:
                # A device's token pins the release root, so a new site gets its signing keys now.
                ensure_release_root(workspace, ask_unlock(workspace))
            tokens = hub.create_tokens(
                options.role, count=options.count, hardware_profile=options.profile, ttl_s=options.valid_for
            )
        finally:
            hub.close()
    for token in tokens:
        print_line(token)
    return 0


def _status(options: argparse.Namespace) -> int:
    from edgeyard.commands.site_status import site_status

    with open_workspace(options) as workspace:
        found = site_status(workspace)
    if options.json:
        print_json(found)
    else:
        print_table(("part", "state", "what", "to do"), [(s.component, s.state, s.text, s.todo) for s in found])
    return 0
