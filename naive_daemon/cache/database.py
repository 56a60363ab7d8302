"""What a cache database is: objects, event lists and indexes by id, kept outside of the process.

Laws, held by one contract suite over every implementation:

- Bytes come back as they went in, decimals to the last digit, and nanoseconds to the last of their 19 digits.
- What is missing loads as None, a missing collection as `{}`. A wrong type raises TypeError naming the argument.
- Accounts, orders and positions are event lists: an add begins one, an update appends, a load replays. An event that
  changes nothing (a duplicate) or can not be read raises CacheCorruptError naming key and place.
- Open, closed and in-flight orders, and open and closed positions, are indexed with every write. A delete takes every
  index entry along and is idempotent; an update of what was deleted changes nothing, its indexes included.
- Writes take effect in the order in which they were made, each whole or not at all. A load sees every write that was
  made before it through the same object.
- A write with `durable=True` returns once the write has been acknowledged by the store, or raises CacheAwayError; the
  write then still waits, and is not lost. Without it a write returns at once, unless too many wait: then
  CacheFullError, and the write was not taken.
- `close` writes what waits, within a bound, and may be called twice; a write after it raises CacheClosedError.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

import msgspec

from naive_daemon.domain.account_state import AccountState
from naive_daemon.domain.currency import Currency
from naive_daemon.domain.errors import PermanentError, TransientError
from naive_daemon.domain.events import OrderEvent
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.order import Order
from naive_daemon.domain.position import Position, PositionFill
from naive_daemon.domain.synthetic import SyntheticInstrument

if TYPE_CHECKING:
    from naive_daemon.cache.encoding import Encoding

Fields = Mapping[str, bytes]
"""An actor's or a strategy's state."""


class CacheAwayError(TransientError):
    """The store does not answer, or takes no writes for now; what waits is written when it does."""


class CacheFullError(TransientError):
    """Too many writes wait already: this one was not taken."""


class CacheClosedError(PermanentError):
    """The database was closed."""


class CacheCorruptError(PermanentError):
    """What is stored can not be read: names the key, and the place in a list."""


class CacheHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How a database is: why it is away (None while it is not), how many writes wait, what an operator should mend.

    `losses` counts how often the store was found to have lost what it had acknowledged (emptied, restored, failed
    over), `refused` how many writes it could never make, as somebody else's values are under their keys: whoever owns
    the state then writes it again.
    """

    away: str | None = None
    waiting: int = 0
    warnings: tuple[str, ...] = ()
    losses: int = 0
    refused: int = 0


class PositionSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A position as it was at `ts_snapshot` (UTC nanoseconds)."""

    position: Position
    ts_snapshot: int
    unrealized_pnl: Decimal | None = None


class Integrity(msgspec.Struct, frozen=True):
    """What does not fit together: index entries without an object, objects without their index entry; by key."""

    dangling: tuple[str, ...] = ()
    unindexed: tuple[str, ...] = ()


class CacheDatabase(Protocol):
    """See the module. Safe for use by many threads."""

    @property
    def encoding(self) -> "Encoding":
        """How values become bytes here: for states, which are bytes by name."""

    # General objects: any key, any bytes ------------------------------------------------------------------------------

    def add(self, key: str, value: bytes, *, durable: bool = False) -> None:
        """Keep `value` under `key`, instead of what was there."""

    def replace(self, key: str, value: bytes, *, durable: bool = False) -> None:
        """Like `add`, in one step with keeping what was there as the previous object, which `load` leaves out."""

    def load(self) -> dict[str, bytes]:
        """Give all general objects."""

    def load_object(self, key: str, *, previous: bool = False) -> bytes | None:
        """Give one general object, or what `replace` kept of it."""

    def delete(self, key: str, *, durable: bool = False) -> None:
        """Forget a general object and what was kept of it."""

    # Currencies, instruments ------------------------------------------------------------------------------------------

    def add_currency(self, currency: Currency, *, durable: bool = False) -> None:
        """Keep a currency by its code."""

    def load_currency(self, code: str) -> Currency | None:
        """Give one currency."""

    def load_currencies(self) -> dict[str, Currency]:
        """Give all currencies by code."""

    def add_instrument(self, instrument: Instrument, *, durable: bool = False) -> None:
        """Keep an instrument by its symbol."""

    def load_instrument(self, symbol: str) -> Instrument | None:
        """Give one instrument."""

    def load_instruments(self) -> dict[str, Instrument]:
        """Give all instruments by symbol."""

    def add_synthetic(self, synthetic: SyntheticInstrument, *, durable: bool = False) -> None:
        """Keep a synthetic instrument by its symbol."""

    def load_synthetic(self, symbol: str) -> SyntheticInstrument | None:
        """Give one; raises ValueError for a symbol that is no synthetic instrument's."""

    def load_synthetics(self) -> dict[str, SyntheticInstrument]:
        """Give all synthetic instruments by symbol."""

    # Accounts, orders, positions: event lists -------------------------------------------------------------------------

    def add_account(self, state: AccountState, *, durable: bool = False) -> None:
        """Begin an account's list, instead of one that was there."""

    def update_account(self, state: AccountState, *, durable: bool = False) -> None:
        """Append a newer state of an account."""

    def load_account(self, account: str) -> AccountState | None:
        """Give an account's newest state; each must be newer than the one before."""

    def load_accounts(self) -> dict[str, AccountState]:
        """Give the newest state of all accounts."""

    def add_order(
        self, order: Order, position_id: str | None = None, client_id: str | None = None, *, durable: bool = False
    ) -> None:
        """Begin an order's list with the order as it is now, instead of one that was there; index it.

        The ids of its position and of its client are as given here, or none.
        """

    def update_order(self, order: Order, event: OrderEvent, *, durable: bool = False) -> None:
        """Append the event that made `order` what it is, and move it in the indexes."""

    def load_order(self, client_order_id: str) -> Order | None:
        """Replay one order."""

    def load_orders(self) -> dict[str, Order]:
        """Replay all orders, by client order id."""

    def delete_order(self, client_order_id: str, *, durable: bool = False) -> None:
        """Forget an order, its snapshots and every index entry of it."""

    def add_position(self, position: Position, *, durable: bool = False) -> None:
        """Begin a position's list with the position as it is now, instead of one that was there; index it."""

    def update_position(self, position: Position, fill: PositionFill, *, durable: bool = False) -> None:
        """Append the fill that made `position` what it is, and move it in the indexes."""

    def load_position(self, position_id: str) -> Position | None:
        """Replay one position."""

    def load_positions(self) -> dict[str, Position]:
        """Replay all positions, by id."""

    def delete_position(self, position_id: str, *, durable: bool = False) -> None:
        """Forget a position, its snapshots and every index entry of it."""

    # States of actors and strategies ----------------------------------------------------------------------------------

    def update_actor(self, actor_id: str, state: Fields, *, durable: bool = False) -> None:
        """Keep an actor's state, instead of what was there."""

    def load_actor(self, actor_id: str) -> dict[str, bytes]:
        """Give an actor's state; `{}` when there is none."""

    def delete_actor(self, actor_id: str, *, durable: bool = False) -> None:
        """Forget an actor's state."""

    def update_strategy(self, strategy_id: str, state: Fields, *, durable: bool = False) -> None:
        """Keep a strategy's state (for us: a trader's), instead of what was there."""

    def load_strategy(self, strategy_id: str) -> dict[str, bytes]:
        """Give a strategy's state; `{}` when there is none."""

    def load_strategies(self) -> dict[str, dict[str, bytes]]:
        """Give the states of all strategies by id."""

    def delete_strategy(self, strategy_id: str, *, durable: bool = False) -> None:
        """Forget a strategy's state."""

    # Indexes ----------------------------------------------------------------------------------------------------------

    def index_venue_order_id(self, client_order_id: str, venue_order_id: str, *, durable: bool = False) -> None:
        """Note which id the exchange gave an order; of one that is not there, nothing is noted."""

    def load_index_venue_order_id(self) -> dict[str, str]:
        """Give the exchange's ids by client order id."""

    def index_order_position(self, client_order_id: str, position_id: str, *, durable: bool = False) -> None:
        """Note to which position an order belongs; of one that is not there, nothing is noted."""

    def load_index_order_position(self) -> dict[str, str]:
        """Give position ids by client order id."""

    def load_index_order_client(self) -> dict[str, str]:
        """Give client ids by client order id."""

    def load_index_orders_open(self) -> frozenset[str]:
        """Name the orders that rest on the exchange."""

    def load_index_orders_closed(self) -> frozenset[str]:
        """Name the orders that are over."""

    def load_index_orders_in_flight(self) -> frozenset[str]:
        """Name the orders of which the exchange has not been heard, or whose fate is unknown."""

    def load_index_positions_open(self) -> frozenset[str]:
        """Name the positions in which something is held."""

    def load_index_positions_closed(self) -> frozenset[str]:
        """Name the positions in which nothing is held."""

    def check_integrity(self) -> Integrity:
        """Compare indexes and objects, both ways."""

    # Snapshots, upkeep ------------------------------------------------------------------------------------------------

    def snapshot_order_state(self, order: Order, *, durable: bool = False) -> None:
        """Append the order as it is now to its snapshots."""

    def load_order_snapshots(self, client_order_id: str) -> tuple[Order, ...]:
        """Give an order's snapshots, oldest first."""

    def snapshot_position_state(
        self, position: Position, ts_snapshot: int, unrealized_pnl: Decimal | None = None, *, durable: bool = False
    ) -> None:
        """Append the position as it is now to its snapshots."""

    def load_position_snapshots(self, position_id: str) -> tuple[PositionSnapshot, ...]:
        """Give a position's snapshots, oldest first."""

    def purge(self, before_ns: int) -> int:
        """Forget orders that are over and positions that are flat since before a time; give how many objects went.

        Of account lists what is older goes, but never the newest state. What is open stays, whatever its age.
        """

    def heartbeat(self, ts: int) -> None:
        """Note that whoever writes here lives, at this time (UTC nanoseconds)."""

    def load_heartbeat(self) -> int | None:
        """Give the last heartbeat."""

    def keys(self, pattern: str = "*") -> list[str]:
        """Name the stored keys that match a glob pattern, without our prefix, sorted."""

    def flush(self, *, keep_general: bool = False) -> None:
        """Forget everything under our prefix, and nothing else, once it is acknowledged.

        With `keep_general` the general objects stay, and what `replace` kept of them.
        """

    def health(self) -> CacheHealth:
        """Say how the store is; never waits for it."""

    def notify(self, done: Callable[[], None]) -> None:
        """Call `done`, from any thread, once everything written so far has been acknowledged."""

    def close(self) -> None:
        """Write what waits within a bound, give the connections back; may be called twice."""
