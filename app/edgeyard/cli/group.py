"""`edgeyard group`: list, save and delete groups."""

from __future__ import annotations

import argparse

from edgeyard.cli.common import add_json_option, add_site_option, open_workspace, print_json, print_table


def add_parser(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the noun and its verbs."""
    verbs = nouns.add_parser("group", help="groups of devices").add_subparsers(required=True, metavar="verb")
    listing = verbs.add_parser("list", help="list groups with their device counts")
    add_site_option(listing)
    add_json_option(listing)
    listing.set_defaults(run=_list)
    save = verbs.add_parser("save", help="save a dynamic group: a name and a filter")
    save.add_argument("name")
    save.add_argument("filter")
    save.add_argument("--production", action="store_true", help="rollouts to it need a held confirmation")
    add_site_option(save)
    save.set_defaults(run=_save)
    delete = verbs.add_parser("delete", help="delete a group; its devices stay")
    delete.add_argument("name")
    add_site_option(delete)
    delete.set_defaults(run=_delete)


def _list(options: argparse.Namespace) -> int:
    from edgeyard.store.group import group_devices, list_groups

    with open_workspace(options) as workspace:
        now = workspace.clock()
        with workspace.database.read() as connection:
            rows = [(g, len(group_devices(connection, g, now))) for g in list_groups(connection)]
    if options.json:
        print_json([{"name": g.name, "kind": g.kind, "filter": g.filter_text, "devices": n} for g, n in rows])
    else:
        print_table(("group", "kind", "filter", "devices"), [(g.name, g.kind, g.filter_text, n) for g, n in rows])
    return 0


def _save(options: argparse.Namespace) -> int:
    from edgeyard.commands.fleet_command import save_group
    from edgeyard.store.group import Group

    with open_workspace(options) as workspace:
        wanted = Group(
            id=0, name=options.name, kind="dynamic", filter_text=options.filter, production=options.production
        )
        save_group(workspace, wanted)
    return 0


def _delete(options: argparse.Namespace) -> int:
    from edgeyard.commands.fleet_command import delete_group

    with open_workspace(options) as workspace:
        delete_group(workspace, options.name)
    return 0
