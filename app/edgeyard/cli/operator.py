"""`edgeyard operator`: make this machine an operator's machine of a site."""

from __future__ import annotations

import argparse

from edgeyard.cli.common import add_site_option, print_line, site_folder


def add_parser(nouns: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the noun and its verbs."""
    verbs = nouns.add_parser("operator", help="people who work with the site").add_subparsers(
        required=True, metavar="verb"
    )
    join = verbs.add_parser("join", help="join a site with a token of role operator; again, to renew its certificate")
    join.add_argument("token", help="one-time join token (ejt1.…)")
    join.add_argument("--name", default="", help="operator name (default: the login name)")
    add_site_option(join)
    join.set_defaults(run=_join)


def _join(options: argparse.Namespace) -> int:
    from edgeyard.commands.operator_identity import join_as_operator

    folder = site_folder(options)
    folder.make()
    identity = join_as_operator(folder, options.token, options.name)
    print_line(f"Joined site {identity.site} as {identity.name}.")
    return 0
