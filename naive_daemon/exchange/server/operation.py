"""An operation: what a client may ask for, the same whether it comes by REST or by the WebSocket API."""

import enum
from collections.abc import Callable
from typing import Any, NamedTuple

from naive_daemon.exchange.server.accounts import ApiKey
from naive_daemon.exchange.server.exchange import Exchange
from naive_daemon.exchange.server.parameters import Parameters


class Security(enum.Enum):
    """Who may ask: anybody; who has signed; who has signed with a key that may trade."""

    NONE = enum.auto()
    SIGNED = enum.auto()
    TRADE = enum.auto()


class Call(NamedTuple):
    """One request, admitted. `key` is that of who signed it; times of the answer are in units of `unit_ns`."""

    exchange: Exchange
    parameters: Parameters
    unit_ns: int
    key: ApiKey | None = None

    @property
    def account(self) -> str:
        """The account of who signed the request."""
        if self.key is None:
            raise RuntimeError("the operation needs no signature, and asks for an account")
        return self.key.account.name


class Operation(NamedTuple):
    """What it is called, what answers it, what it costs, who may ask, and at which places faults find it."""

    name: str
    answer: Callable[[Call], Any]
    weight: Callable[[Parameters], int]
    security: Security
    places: tuple[str, ...]

    @property
    def is_placement(self) -> bool:
        """Say whether it counts as an order."""
        return self.name == "order.place"
