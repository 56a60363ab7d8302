"""The exchange of a simulated world, behind a network that is not to be relied upon; it outlives all processes.

Owned by the world, which lets it have the market's trades and its own troubles; the daemon comes to it by clients.
"""

from decimal import Decimal

from naive_daemon.clock import NS_PER_S, Clock, VirtualClock
from naive_daemon.domain.events import Trade
from naive_daemon.domain.money import floor_to
from naive_daemon.domain.order import CycleKey, Leg, Order
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance.client import BinanceClient
from naive_daemon.exchange.paper.engine import PaperEngine
from naive_daemon.execution.order_id import client_order_id
from naive_daemon.otp import Actor
from tests.simulation.agenda import Agenda
from tests.simulation.exchange.client import SimulatedGateway
from tests.simulation.exchange.network import Network
from tests.simulation.exchange.venue import Venue
from tests.simulation.life import Life
from tests.simulation.odds import Odds

STRANGER = "web_"
"""How the ids of other people's orders begin."""
STRANGERS_BASE = Decimal("0.1")
TICK = Decimal("0.01")
ORPHANS_TRADER = 99
FAR_AWAY = 5
EVEN = 0.5


class SimulatedExchange(Venue):
    """See the module. `revoked`: accounts whose key it does not take now."""

    def __init__(self, clock: VirtualClock, agenda: Agenda, odds: Odds, engine: PaperEngine) -> None:
        super().__init__(clock, odds, engine, Network(clock, agenda, odds))
        self.revoked: set[str] = set()
        self._agenda = agenda
        self._down_until_ns = 0
        self._gateways: dict[str, SimulatedGateway] = {}
        self._strangers = 0

    def make_client(self, account: str, life: Life, shown: Clock | None = None) -> Actor:
        """Make an account's client for a process: the real actor, before a simulated gateway.

        `shown` is the clock that the actors of the process read.
        """

        def open_gateway() -> SimulatedGateway:
            former = self._gateways.get(account)
            if former is not None:
                former.end_soon()
            gateway = SimulatedGateway(self, account, life, shown or self._clock)
            self._gateways[account] = gateway
            return gateway

        return BinanceClient(account, open_gateway)  # type: ignore[arg-type]  # of another class than the real gateway

    def close_gateway(self, account: str) -> None:
        """End an account's gateway, if it has one, as `LiveAccounts.close` does."""
        gateway = self._gateways.get(account)
        if gateway is not None:
            gateway.end_soon()

    def has_gateway(self, account: str) -> bool:
        """Say whether an account has a gateway that has not ended."""
        gateway = self._gateways.get(account)
        return gateway is not None and not gateway.is_over

    # The world ------------------------------------------------------------------------------------------------------

    def trade(self, trade: Trade) -> None:
        """Let the market print a trade: it fills what it reaches, unless nothing is traded just now."""
        if self._clock.now_ns() >= self._down_until_ns and trade.symbol not in self._halted:
            self._emit(self.engine.match(trade))

    def go_away(self, seconds: float, *, is_down: bool | None = None) -> None:
        """Let nobody reach the exchange for so long; as drawn, it is down or only out of reach."""
        self.network.go_away(seconds)
        if is_down is None:
            is_down = self.network.draw.random() < EVEN
        if is_down:
            self._down_until_ns = self._clock.now_ns() + round(seconds * NS_PER_S)
        for line in self._lines.values():
            self.network.cut(line, "the exchange went away", self.network.draw.random())

    def halt(self, symbol: str, seconds: float) -> None:
        """Let nothing of a symbol be traded or ordered for so long; cancels go on."""
        until_ns = self._clock.now_ns() + round(seconds * NS_PER_S)
        self._halted[symbol] = max(until_ns, self._halted.get(symbol, 0))
        self._tell_halted()
        self._agenda.after(seconds, self._end_halts)

    def place_stranger(self, account: str, symbol: str) -> None:
        """Let somebody else place an order for the account, which is none of the daemon's business."""
        last = self.engine.last_price(symbol)
        if last is None:
            return
        is_buy = self.network.draw.random() < EVEN
        away = Decimal(self.network.draw.choice(("0.001", "0.01", "0.2")))
        self._strangers += 1
        price = last * (1 - away if is_buy else 1 + away)
        self._place_by_hand(f"{STRANGER}{self._strangers}", account, symbol, Side.BUY if is_buy else Side.SELL, price)

    def place_orphan(self, owner: str, account: str, symbol: str) -> str:
        """Let an order with the daemon's mark rest, far away, that this daemon has never placed; gives its id."""
        leg, last = Leg(Side.SELL), self.engine.last_price(symbol)
        assert last is not None, f"{symbol} was never traded"
        order_id = client_order_id(owner, CycleKey(account, symbol, ORPHANS_TRADER, 1), leg)
        self._place_by_hand(order_id, account, symbol, leg.side, last * FAR_AWAY)
        return order_id

    def cancel_by_hand(self, account: str, symbol: str, order_id: str) -> None:
        """Let somebody cancel an order at the exchange itself."""
        self._emit(self.engine.cancel(account, symbol, order_id, self._clock.now_ns()))

    def _place_by_hand(self, order_id: str, account: str, symbol: str, side: Side, price: Decimal) -> None:
        now_ns = self._clock.now_ns()
        key = CycleKey(account, symbol, 0, 0)
        terms = {"price": floor_to(price, TICK), "quantity": STRANGERS_BASE, "created_ns": now_ns}
        self._emit(self.engine.place(Order(client_order_id=order_id, key=key, leg=Leg(side), **terms), now_ns))

    def heal(self) -> None:
        """Let nothing go wrong from now on; what was late already still is."""
        self._down_until_ns = 0
        self.network.heal()
        self._halted.clear()
        self._tell_halted()

    def _end_halts(self) -> None:
        now_ns = self._clock.now_ns()
        lasting = {symbol: until_ns for symbol, until_ns in self._halted.items() if until_ns > now_ns}
        if lasting != self._halted:
            self._halted = lasting
            self._tell_halted()

    def _tell_halted(self) -> None:
        for gateway in self._gateways.values():
            self.network.soon(gateway.look_at_market)
