"""Where to listen: a host and a port, written as one word."""

import re
from typing import NamedTuple

_ENDPOINT = re.compile(
    r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*)):(?P<port>[0-9]{1,5})"
)
_PORT_MAX = 65_535


class Endpoint(NamedTuple):
    """A name or an address of this machine (IPv6 without its brackets), and a TCP port; 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_endpoint(text: str) -> Endpoint:
    """Read `host:port` or `[ipv6]:port`; raises ValueError for anything else."""
    match = _ENDPOINT.fullmatch(text)
    if match is None or int(match["port"]) > _PORT_MAX:
        raise ValueError(f"{text} is not a host and a port")
    return Endpoint(match["ipv6"] or match["host"], int(match["port"]))
