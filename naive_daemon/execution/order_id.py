"""Client order ids, derived: the same leg of the same cycle has the same id in every process, for ever.

Form: owner, hash of (account, symbol), trader, cycle, leg: `nd3f9a1c-k2j4h5g6-2-15-b1`. At most 36 characters of
`[a-zA-Z0-9-_]`, as Binance wants ("New order", newClientOrderId). The owner is the daemon's own, so that two daemons
never take each other's orders for their own.
"""

import base64
import hashlib
from functools import lru_cache

from naive_daemon.domain.order import CycleKey, Leg
from naive_daemon.domain.side import Side

PREFIX = "nd"
LENGTH_MAX = 36
_HASH_LENGTH = 8
_PARTS = 4
_SIDES = {"b": Side.BUY, "s": Side.SELL}


def client_order_id(owner: str, key: CycleKey, leg: Leg) -> str:
    """Derive the id; raises ValueError when the numbers have grown past what 36 characters hold."""
    text = f"{PREFIX}{owner}-{_place(key.account, key.symbol)}-{key.trader}-{key.cycle}-{leg}"
    if len(text) > LENGTH_MAX:
        raise ValueError(f"client order id {text!r} is longer than {LENGTH_MAX} characters")
    return text


def is_ours(client_order_id_: str, owner: str) -> bool:
    """Say whether an order on the exchange carries this daemon's prefix."""
    return client_order_id_.startswith(f"{PREFIX}{owner}-")


def parse_client_order_id(text: str, owner: str, account: str, symbol: str) -> tuple[CycleKey, Leg] | None:
    """Read back whose order an id is for; None when it was not derived from this owner, account and symbol."""
    if not is_ours(text, owner) or len(text) > LENGTH_MAX:
        return None
    parts = text.removeprefix(f"{PREFIX}{owner}-").split("-")
    if len(parts) != _PARTS or len(parts[0]) != _HASH_LENGTH:
        return None
    if not (parts[1].isdecimal() and parts[2].isdecimal() and parts[3][1:].isdecimal()):
        return None
    side = _SIDES.get(parts[3][0])
    if side is None:
        return None
    key, leg = CycleKey(account, symbol, int(parts[1]), int(parts[2])), Leg(side, int(parts[3][1:]))
    return (key, leg) if client_order_id(owner, key, leg) == text else None


@lru_cache(maxsize=4_096)  # made for every order, and longer in the making than all the rest of it
def _place(account: str, symbol: str) -> str:
    digest = hashlib.sha256(f"{account}\n{symbol}".encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_HASH_LENGTH]
