"""Waits until the daemon has done what was asked: it listens to what it says of itself, and never polls."""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple, TypeVar

import msgspec
from sqlalchemy import Engine, Text, and_, case, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from naive_daemon.clock import Clock
from naive_daemon.domain.errors import TransientError
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.storage.postgres.engine import begin
from naive_daemon.storage.postgres.models import ActualStateRow, SettingRow
from naive_daemon.storage.postgres.notify import Listener

ABSENT = "off"
# What is wanted may be changed by another command while this one waits.
_CHANNELS = ("naive_actual", "naive_settings", "naive_safeguards")

Key = TypeVar("Key")
State = TypeVar("State")


class Target(NamedTuple):
    """A symbol of an account."""

    account: str
    symbol: str


class Actual(msgspec.Struct, frozen=True):
    """What the daemon last said of a symbol; one that it never spoke of is off.

    `desired` is what is wanted of it at the same moment, and `resting` of its orders; None for a symbol without
    settings. `is_answer`: the daemon spoke of that, and not of what was wanted before.
    """

    state: str = ABSENT
    last_error: str | None = None
    desired: TradingStatus | None = None
    resting: RestingOrders | None = None
    is_answer: bool = False


def read_actual(engine: Engine, targets: Iterable[Target]) -> dict[Target, Actual]:
    """Read what the daemon last said of each symbol of an account; one that it never spoke of is off."""
    named = list(targets)
    actual, wanted = ActualStateRow, SettingRow
    columns = [literal([getattr(target, field) for target in named], ARRAY(Text)) for field in Target._fields]
    asked = func.unnest(*columns).table_valued(*Target._fields).render_derived()
    account, symbol = asked.c.account, asked.c.symbol
    # Without settings there is nothing to answer to; one that was never switched is off without a word of the daemon.
    is_answer = or_(wanted.revision.is_(None), wanted.revision == func.coalesce(actual.revision, 0))
    resting = case((wanted.status == TradingStatus.SHUTDOWN, wanted.shutdown_entries), else_=wanted.stop_orders)
    query = (
        select(account, symbol, actual.state, actual.last_error, wanted.status, resting, is_answer)
        .outerjoin(actual, and_(actual.account == account, actual.symbol == symbol))
        .outerjoin(wanted, and_(wanted.account == account, wanted.symbol == symbol))
    )
    with begin(engine) as connection:
        return {
            Target(owner, name): Actual(
                state or ABSENT, last_error, desired, None if orders is None else RestingOrders(orders), answer
            )
            for owner, name, state, last_error, desired, orders, answer in connection.execute(query)
        }


class Wakening:
    """Wakes a waiting command when something was said (the owner of a Listener)."""

    def __init__(self) -> None:
        self._said = threading.Event()
        self.ended = False

    def listening(self) -> None:
        """Read now: what was said before nobody heard."""
        self._said.set()

    def notified(self, channel: str, payload: str) -> None:
        """Read again."""
        del channel, payload
        self._said.set()

    def connection_lost(self, error: TransientError) -> None:
        """Go on waiting: the listener connects again and then says so."""
        del error

    def listener_ended(self) -> None:
        """Wake, to find that nobody listens any more."""
        self.ended = True
        self._said.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for news; several that came together count as one. False when none came in time."""
        said = self._said.wait(timeout_s)
        self._said.clear()
        return said


def await_states(
    url: str,
    read: Callable[[Collection[Key]], Mapping[Key, State]],
    former: Mapping[Key, State],
    settled: Callable[[Key, State], bool],
    *,
    timeout_s: float,
    clock: Clock,
    advance: Callable[[int], None],
) -> dict[Key, State]:
    """Wait until all that `former` names are `settled`, at most `timeout_s`; gives the last state of the others.

    `read` gives the states of those named; `advance` is told how many have settled so far.
    """
    wakening = Wakening()
    listener = Listener(url, _CHANNELS, wakening)
    deadline_s = clock.monotonic_s() + timeout_s
    open_states = dict(former)
    listener.start()
    try:
        while open_states:
            rest_s = deadline_s - clock.monotonic_s()
            if rest_s <= 0 or not wakening.wait(rest_s) or wakening.ended:
                break
            states = read(list(open_states))
            open_states = {name: state for name, state in states.items() if not settled(name, state)}
            advance(len(former) - len(open_states))
    finally:
        listener.stop()
    return open_states
