"""Client order ids, derived: the same leg of the same cycle has the same id in every process, for ever.

Form: owner, hash of (account, symbol), trader, cycle, leg: `nd3f9a1c-k2j4h5g6-2-15-b1`. At most 36 characters of
`[a-zA-Z0-9-_]`, as Binance wants ("New order", newClientOrderId). Numbers that outgrow this form are written to the
base of 36, between other marks: `nd3f9a1c-k2j4h5g6_a_zq0ao_s255s`. The owner is the daemon's own, so that two daemons
never take each other's orders for their own.
"""

import base64
import hashlib
import re
import string
from functools import lru_cache

from naive_daemon.domain.order import CycleKey, Leg
from naive_daemon.domain.side import Side

PREFIX = "nd"
LENGTH_MAX = 36
_HASH_LENGTH = 8
_SIDES = {"b": Side.BUY, "s": Side.SELL}
_DIGITS = string.digits + string.ascii_lowercase
_FORMS = (
    (10, re.compile(r"-([0-9]+)-([0-9]+)-([bs])([0-9]+)")),
    (36, re.compile(r"_([0-9a-z]+)_([0-9a-z]+)_([bs])([0-9a-z]+)")),
)


def client_order_id(owner: str, key: CycleKey, leg: Leg) -> str:
    """Derive the id; raises ValueError when the numbers have grown past what 36 characters hold."""
    text = f"{PREFIX}{owner}-{_place(key.account, key.symbol)}-{key.trader}-{key.cycle}-{leg}"
    return text if len(text) <= LENGTH_MAX else _compact_id(owner, key, leg)


def is_ours(client_order_id_: str, owner: str) -> bool:
    """Say whether an order on the exchange carries this daemon's prefix."""
    return client_order_id_.startswith(f"{PREFIX}{owner}-")


def parse_client_order_id(text: str, owner: str, account: str, symbol: str) -> tuple[CycleKey, Leg] | None:
    """Read back whose order an id is for; None when it was not derived from this owner, account and symbol."""
    beginning = f"{PREFIX}{owner}-{_place(account, symbol)}"
    if not text.startswith(beginning) or len(text) > LENGTH_MAX:
        return None
    for base, form in _FORMS:
        found = form.fullmatch(text, len(beginning))
        if found is not None:
            trader, cycle, side, attempt = found.groups()
            key = CycleKey(account, symbol, int(trader, base), int(cycle, base))
            leg = Leg(_SIDES[side], int(attempt, base))
            return (key, leg) if client_order_id(owner, key, leg) == text else None
    return None


def _compact_id(owner: str, key: CycleKey, leg: Leg) -> str:
    trader, cycle, attempt = _base36(key.trader), _base36(key.cycle), _base36(leg.attempt)
    text = f"{PREFIX}{owner}-{_place(key.account, key.symbol)}_{trader}_{cycle}_{str(leg)[0]}{attempt}"
    if len(text) > LENGTH_MAX:
        raise ValueError(f"client order id {text!r} is longer than {LENGTH_MAX} characters")
    return text


def _base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text or _DIGITS[0]


@lru_cache(maxsize=4_096)  # made for every order, and longer in the making than all the rest of it
def _place(account: str, symbol: str) -> str:
    digest = hashlib.sha256(f"{account}\n{symbol}".encode()).digest()
    return base64.b32encode(digest).decode().lower()[:_HASH_LENGTH]
