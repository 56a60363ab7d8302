"""A replay: the daemon itself, with its databases, fed from a recorded file, ended with the file.

The pool has one thread, and the player carries each trade to its end before the next; so the journal holds the orders
that a backtest of the same file gives.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec

from naive_daemon.clock import NS_PER_S
from naive_daemon.daemon import Daemon
from naive_daemon.domain.cycle import Cycle
from naive_daemon.domain.errors import NaiveError
from naive_daemon.domain.events import Trade
from naive_daemon.domain.order import Order
from naive_daemon.domain.settings import TradeSettings
from naive_daemon.market.columns import Stretch
from naive_daemon.market.player import PLAYED, PlayedToEnd
from naive_daemon.market.recorded_columns import RecordedColumns
from naive_daemon.otp import Actor, ActorSystem
from naive_daemon.report.line import Line
from naive_daemon.trading.summary import Summary, summarise
from naive_daemon.world import World


class InterruptedReplayError(NaiveError):
    """The replay was ended before the file was; its exit code is that of every interrupted command."""

    exit_code = 130


class ReplayRecording(RecordedColumns):
    """A recording that ends where it can not be read on, and keeps the `error`: the replay tells of it, once.

    `last` is the trade that was read last; `price`, where it is given, takes the price of each, passed over or not.
    """

    error: NaiveError | None = None
    last: Trade | None = None
    price: Line | None = None

    def __iter__(self) -> Iterator[Trade]:
        try:
            for trade in super().__iter__():
                self._note(trade, ((trade.time_ns, trade.price),))
                yield trade
        except NaiveError as error:
            self.error = error

    def stretches(self) -> Iterator[Stretch]:
        """Go over the file from its start, as far as it can be read."""
        try:
            for stretch in super().stretches():
                self._note(stretch.trade(len(stretch) - 1), stretch.points())
                yield stretch
        except NaiveError as error:
            self.error = error

    def _note(self, last: Trade, points: Iterable[tuple[int, Decimal]]) -> None:
        self.last = last
        if self.price is not None:
            self.price.extend(points)


class ReplayResult(msgspec.Struct, frozen=True):
    """What came of it, read back from the journal; orders and cycles oldest first. `last` is the last trade."""

    summary: Summary
    orders: tuple[Order, ...]
    cycles: tuple[Cycle, ...]
    last: Trade | None


def run_replay(
    world: World, recording: ReplayRecording, trade: TradeSettings, on_progress: Callable[[], None] = lambda: None
) -> ReplayResult:
    """Trade through the recording and end with it.

    Raises what ended the recording early, InterruptedReplayError when the daemon was ended first, and TreeFailedError.
    """
    ended: list[PlayedToEnd] = []

    def on_end(end: PlayedToEnd) -> None:
        ended.append(end)
        daemon.stop("the file has ended")

    result: list[ReplayResult] = []
    began_s = world.clock.monotonic_s()
    daemon = Daemon(
        world,
        on_start=lambda world: world.switch_on(recording.symbol, trade),
        on_system=lambda system: _hear_of_end(system, on_end),
        on_tick=lambda _: on_progress(),
        on_stop=lambda world: result.append(_read_result(world, recording, ended, began_s)),
        pool_threads=1,
    )
    daemon.run()
    if not ended:
        raise InterruptedReplayError("the replay was ended before its file was", hint="its orders are in the journal")
    error = recording.error or ended[0].error
    if error is not None:
        raise error
    return result[0]


def _read_result(
    world: World, recording: ReplayRecording, ended: Sequence[PlayedToEnd], began_s: float
) -> ReplayResult:
    wall_ns = round((world.clock.monotonic_s() - began_s) * NS_PER_S)
    world.switch_off()
    orders, cycles = world.history()
    summary = summarise(ended[0].trades if ended else 0, orders, cycles, wall_ns)
    return ReplayResult(summary, orders, cycles, recording.last)


def _hear_of_end(system: ActorSystem, on_end: Callable[[PlayedToEnd], None]) -> None:
    system.start(_Ear(on_end), "replay")


class _Ear(Actor):
    """Hears of the end of the file and passes it on."""

    def __init__(self, on_end: Callable[[PlayedToEnd], None]) -> None:
        super().__init__()
        self._on_end = on_end

    def init(self) -> None:
        """Hear."""
        self.subscribe(PLAYED)

    def on_receive(self, message: PlayedToEnd) -> None:
        """Pass it on."""
        self._on_end(message)
        self.exit()
