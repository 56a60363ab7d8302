"""A simulated client's connection: subscribe, read a snapshot, hold, and connect again with growing pauses.

Belongs to one gateway; does what `binance/account_stream.py` does, without the renewal after a day. Invariants: nothing
of a connection is delivered before its snapshot, and nothing of an earlier one after that; each loss gives one
Reconnecting.
"""

from collections.abc import Callable

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.events import AccountEvent, BalanceUpdated, OrderFilled
from naive_daemon.exchange.binance.backoff import Backoff
from naive_daemon.exchange.binance.delivery import Delivery
from naive_daemon.exchange.binance.reading import Told, fill_told
from naive_daemon.execution.client import AccountSnapshot, Reconnected, Reconnecting
from tests.simulation.exchange.network import NOTICED_AT_ONCE, Line, Network

SNAPSHOT_TAKES_S = 0.04
"""In the midst of reading one: within so long."""

Snapshot = AccountSnapshot | str
"""A snapshot, or why there is none."""


class Stream:
    """See the module. `subscribe` has the exchange tell on a line; `ban_s`: how long nobody may connect."""

    def __init__(
        self,
        account: str,
        network: Network,
        delivery: Delivery,
        *,
        subscribe: Callable[[Line], None],
        read_snapshot: Callable[[Callable[[Snapshot], None]], None],
        lost: Callable[[str], None],
        ban_s: Callable[[], float],
        is_over: Callable[[], bool],
    ) -> None:
        self._account = account
        self._network = network
        self._clock = network.clock
        self._agenda = network.agenda
        self._strikes = network.odds.strikes
        self._delivery = delivery
        self._subscribe = subscribe
        self._read_snapshot = read_snapshot
        self._lost = lost
        self._ban_s = ban_s
        self._is_over = is_over
        self._backoff = Backoff(network.draw)
        self._attempt: Line | None = None
        self._buffer: list[Told] | None = None
        self._opened_ns = 0
        self._is_loss_told = False
        self._waiting: list[Callable[[AccountSnapshot], None]] = []
        self.line: Line | None = None

    def connect(self) -> None:
        """Connect, once no ban forbids it."""
        if self._is_over():
            return
        pause_s = self._ban_s()
        if pause_s > 0.0:
            self._agenda.after(pause_s, self.connect)
        else:
            self._network.connect(self._open, self._fail)

    def when_connected(self, then: Callable[[AccountSnapshot], None]) -> None:
        """Call `then` with the snapshot that the next connection begins with."""
        self._waiting.append(then)

    def close(self) -> None:
        """Let go of the connection."""
        for line in (self.line, self._attempt):
            if line is not None:
                line.is_cut = True

    def _open(self) -> None:
        if self._is_over():
            return
        line = self._attempt = Line(self._take, lambda reason: self._lose(line, reason), self._is_over)
        self._buffer = []
        self._opened_ns = self._clock.now_ns()
        self._subscribe(line)
        size = self._strikes("disconnect", "snapshot")
        if size is not None:
            is_noticed, moment = divmod(size, NOTICED_AT_ONCE)
            cut = (line, "cut while the snapshot was read", size if is_noticed else 0.0)
            self._agenda.after(moment * SNAPSHOT_TAKES_S, lambda: self._network.cut(*cut))
        self._read_snapshot(lambda found: self._begin(line, found))

    def _begin(self, line: Line, found: Snapshot) -> None:
        if line is not self._attempt:
            return
        if isinstance(found, str):
            self._fail(found)
            return
        self._attempt, self.line = None, line
        buffer, self._buffer = self._buffer or [], None
        self._is_loss_told = False
        self._delivery.tell(Reconnected(self._account))
        self._delivery.snapshot(found, buffer)
        waiting, self._waiting = self._waiting, []
        for then in waiting:
            then(found)

    def _lose(self, line: Line, reason: str) -> None:
        if self._is_over() or line not in (self._attempt, self.line):
            return
        if line is self.line:
            self.line = None
            self._backoff.note_lifetime((self._clock.now_ns() - self._opened_ns) / NS_PER_S)
            self._lost(reason)
        self._fail(reason)

    def _fail(self, reason: str) -> None:
        if self._is_over():
            return
        if self._attempt is not None:
            self._attempt.is_cut = True
            self._attempt = None
        if not self._is_loss_told:
            self._is_loss_told = True
            self._delivery.tell(Reconnecting(self._account, reason))
        self._agenda.after(self._backoff.next_pause_s(), self.connect)

    def _take(self, event: AccountEvent) -> None:
        if self._is_over():
            return
        told = fill_told(event) if isinstance(event, OrderFilled) else Told(event, _key(event))
        if self._buffer is not None:
            self._buffer.append(told)
        else:
            self._delivery.events((told,))


def _key(event: AccountEvent) -> tuple[object, ...] | None:
    """Tell one happening that is no fill from every other, as the real reader does."""
    if isinstance(event, BalanceUpdated):
        return None
    return ("execution", type(event).__name__, event.client_order_id, event.time_ns)
