"""Listens at an address of this machine; where that cannot be, says which setting to change."""

from __future__ import annotations

import errno
import socket
from typing import Final

from mailroom.errors import UserError

BACKLOG_CONNECTIONS = 512
_LEAST_FREE_PORT: Final = 1024
# socket.create_server raises its own error with these numbers, instead of socket.gaierror.
_NO_SUCH_NAME: Final = {
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_AGAIN", "EAI_NODATA") if hasattr(socket, name)
}


def listen(
    host: str, port: int, host_setting: str = "the host", port_setting: str = "the port"
) -> socket.socket:
    """Listen at an address; where a machine has no IPv6, all its addresses are those of IPv4.

    Args:
        host: An address or a name; `::` is every address of the machine, those of IPv4 too.
        port: The TCP port; 0 takes any free one.
        host_setting: What a person sets to have another host.
        port_setting: Likewise, another port.

    Raises:
        UserError: That cannot be.
    """
    is_everywhere = host == "::"
    if is_everywhere and not socket.has_dualstack_ipv6():
        host, is_everywhere = "0.0.0.0", False  # noqa: S104 - a probe comes from outside the pod
    try:
        address = host if ":" in host else _address_of(host)
        return socket.create_server(
            (address, port),
            family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            backlog=BACKLOG_CONNECTIONS,
            dualstack_ipv6=is_everywhere,
        )
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that no host can have
        raise UserError([_explain(error, host, port, host_setting, port_setting)]) from error


def _address_of(name: str) -> str:
    """Return an address that a name stands for: one of IPv4, unless it has those of IPv6 alone."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    addresses = {family: str(address[0]) for family, *_, address in found}
    return addresses.get(socket.AF_INET) or addresses.get(socket.AF_INET6, name)


def _explain(
    error: OSError | UnicodeError, host: str, port: int, host_setting: str, port_setting: str
) -> str:
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if isinstance(error, UnicodeError) or error.errno in _NO_SUCH_NAME:
        return f"{host_setting}: there is no host named {host}; `::` is every address of this machine"
    match error.errno:
        case errno.EADDRINUSE:
            return f"{port_setting}: another program has {where}; choose another port, or 0 for a free one"
        case errno.EACCES:
            return f"{port_setting}: {where} is for root alone; choose a port from {_LEAST_FREE_PORT} on"
        case errno.EADDRNOTAVAIL | errno.EAFNOSUPPORT:
            return f"{host_setting}: {host} is no address of this machine; `::` is every one it has"
    return f"{port_setting}: cannot listen on {where}: {error.strerror or error}"
