"""Addresses and ports: what to listen on, what to tell others, and who is in the way."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import sys

import psutil

_LOOPBACK = "127.0.0.1"


def listen_host(host: str) -> str:
    """What to listen on when others reach this machine by `host`: an address itself, else every interface (``""``)."""
    if host == "localhost":
        return _LOOPBACK
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    return "" if address.is_unspecified else host


def reachable_host(host: str) -> str:
    """What to tell others: `host`, or this machine's name where the settings say every interface (`0.0.0.0`)."""
    try:
        unspecified = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host
    return socket.gethostname() if unspecified else host


def local_host(host: str) -> str:
    """How this machine itself reaches what it serves for `host`."""
    return listen_host(host) or _LOOPBACK


def certificate_hosts(*hosts: str) -> tuple[str, ...]:
    """Names and addresses a server certificate of this machine has to carry to be found under `hosts`."""
    known = {"localhost", _LOOPBACK, socket.gethostname(), *(reachable_host(host) for host in hosts)}
    if any(not listen_host(host) for host in hosts):
        for addresses in psutil.net_if_addrs().values():
            known |= {entry.address for entry in addresses if entry.family == socket.AF_INET}
    return tuple(sorted(name for name in known if name))


def port_is_free(host: str, port: int) -> bool:
    """Whether `port` could be listened on now; other failures than "in use" are left to whoever listens."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((listen_host(host), port))
            # Linux lets two sockets with SO_REUSEADDR bind one port, and refuses the second `listen`.
            probe.listen(1)
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def port_answers(host: str, port: int, timeout_s: float = 1.0) -> bool:
    """Whether something accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((local_host(host), port), timeout_s):
        return True
    return False


def port_owner(port: int) -> str:
    """Name and number of the program that listens on `port`, as far as this user may know; else empty."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return ""
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            with contextlib.suppress(psutil.Error):
                if connection.pid:
                    return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""


def port_in_use_text(port: int) -> str:
    """The sentence for a port in use."""
    owner = port_owner(port)
    return f"Port {port} is in use by {owner}." if owner else f"Port {port} is in use by another program."
