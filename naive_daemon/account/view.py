"""What an account shows when it is asked, and the last prices that it asks for before it answers."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import msgspec

from naive_daemon import names
from naive_daemon.account.balances import Balance
from naive_daemon.account.metadata import SymbolMetadata
from naive_daemon.account.metadata_keeper import MetadataHealth
from naive_daemon.account.session import Depth, OpenPosition, SessionSummary
from naive_daemon.domain.events import LastPrice, Trade
from naive_daemon.domain.order import Order
from naive_daemon.otp import Actor, RequestFailed

PRICES_WITHIN_S = 1.0


class AccountQuery(msgspec.Struct, frozen=True):
    """Request: what has the account? Answered by AccountView, once every feed has told its last price, or in time."""

    within_s: float = PRICES_WITHIN_S


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """An account as of now, at the last prices that are known; by asset or symbol.

    `sessions` began at `since_ns` (UTC), when the account actor had read what there is. There is one, and a depth, for
    each quote asset that the account trades in. `base_assets` names what each instrument trades.
    """

    account: str
    balances: dict[str, Balance]
    orders: tuple[Order, ...]
    positions: tuple[OpenPosition, ...] = ()
    sessions: tuple[SessionSummary, ...] = ()
    depths: dict[str, Depth] = {}
    since_ns: int | None = None
    metadata: dict[str, SymbolMetadata] = {}
    metadata_health: MetadataHealth = MetadataHealth()
    base_assets: Mapping[str, str] = {}


class PriceRound:
    """Asks feeds for their last prices, and goes on once each has answered, or has had its time."""

    def __init__(self, actor: Actor, take_price: Callable[[str, Decimal], None], then: Callable[[], None]) -> None:
        self._actor = actor
        self._take_price = take_price
        self._then = then
        self._unanswered = 0

    def begin(self, symbols: Iterable[str], within_s: float) -> None:
        """Ask the feed of each symbol."""
        wanted = tuple(symbols)
        self._unanswered = len(wanted)
        if not wanted:
            self._then()
        for symbol in wanted:
            self._actor.request(self._actor.system.whereis(names.feed(symbol)), LastPrice(), self._take, within_s)

    def _take(self, answer: Trade | RequestFailed | None) -> None:
        if isinstance(answer, Trade):
            self._take_price(answer.symbol, answer.price)
        self._unanswered -= 1
        if not self._unanswered:
            self._then()
