"""The supervision tree: the one place that wires. Read it from the bottom of the page up, or start at `root`.

    root (rest_for_one)
    ├─ journal            own thread
    ├─ cache              own thread
    ├─ accounts (rest_for_one)
    │   ├─ accounts       dynamic: one for each account (rest_for_one): client, execution manager, account
    │   └─ account desk   opens and closes accounts, quarantine
    ├─ streams            feeds (dynamic), player, desk
    ├─ trading (rest_for_one)
    │   ├─ symbols        dynamic: symbol BTCUSDT (one_for_all): traders (dynamic), leader
    │   └─ switches       autostart, start, stop, shutdown, quarantine
    ├─ control            own thread
    └─ watchman

What needs the world (databases, a notifier, a clock's thread) is given in `Ports`; a backtest leaves most of it out,
and everything else is the same.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from naive_daemon import names
from naive_daemon.account.account import Account
from naive_daemon.account.metadata_keeper import MetadataConfig
from naive_daemon.cache.cache import Cache
from naive_daemon.cache.database import CacheDatabase
from naive_daemon.domain.instrument import Instrument
from naive_daemon.exchange.paper.client import PaperClient
from naive_daemon.exchange.paper.engine import FillModel, PaperEngine
from naive_daemon.exchange.paper.fee_asset import FeeAsset
from naive_daemon.execution.journal import Journal, JournalConfig
from naive_daemon.execution.journal_store import JournalStore
from naive_daemon.execution.manager import ExecutionConfig, ExecutionManager
from naive_daemon.market.candle_source import CandleSource
from naive_daemon.market.candles_of_trades import CandlesOfTrades
from naive_daemon.market.last_prices import LastPrices
from naive_daemon.market.signaller import Signaller
from naive_daemon.market.streams import streams
from naive_daemon.otp import Actor, ChildSpec, ChildType, DynamicSupervisor, Strategy, Supervisor
from naive_daemon.trading.account_desk import AccountDesk, Beginning
from naive_daemon.trading.account_opener import AccountOpener, AtOnce, OpenedAccount
from naive_daemon.trading.account_supervisor import account_spec
from naive_daemon.trading.context import ContextOf, SymbolContext
from naive_daemon.trading.control import Control, MakeListener
from naive_daemon.trading.desired_state import DesiredStateStore
from naive_daemon.trading.quarantine import Quarantine
from naive_daemon.trading.switches import Switches
from naive_daemon.watchman import WATCH_PERIOD_S, ServiceNotifier, Watchman


class PaperExchange(msgspec.Struct, frozen=True, kw_only=True):
    """What a paper exchange starts with; balances by asset."""

    fill_model: FillModel
    maker_fee: Decimal
    balances: Mapping[str, Decimal]
    fee_asset: FeeAsset | None = None
    name: str = "paper"


class RealExchange(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange outside of the daemon. `make_client` is called with the account at each start of its client."""

    maker_fee: Decimal
    make_client: Callable[[str], Actor]
    name: str = "binance"


class ControlPorts(msgspec.Struct, frozen=True, kw_only=True):
    """Where desired state comes from. `is_alone`: no account but the configured one is traded."""

    open_store: Callable[[], DesiredStateStore]
    make_listener: MakeListener
    heartbeat: Callable[[], None]
    is_alone: bool = False


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """What the tree needs of the world. `open_*` are called at each start of the actor that owns the result.

    `account` is the configured one. `instruments`: by symbol, with the filters of now; whoever asks the exchange writes
    them. `opener` finds out whether an account may be traded; None where each is there at
    once. `make_player` makes whoever brings the market to the feeds: the player of a source, or a live market.
    `prices` is what the feeds write. `candles` makes who has a symbol's candles, and
    `signaller` is who has signals.
    """

    owner: str
    account: str
    cycle_floor: int = 0
    instruments: Mapping[str, Instrument]
    exchange: PaperExchange | RealExchange
    opener: AccountOpener | None = None
    open_journal: Callable[[], JournalStore]
    journal: JournalConfig = JournalConfig()
    execution: ExecutionConfig = ExecutionConfig()
    metadata: MetadataConfig = MetadataConfig()
    open_cache: Callable[[], CacheDatabase] | None = None
    make_player: Callable[[], Actor] | None = None
    prices: LastPrices = msgspec.field(default_factory=dict)
    candles: CandleSource = msgspec.field(default_factory=CandlesOfTrades)
    signaller: type[Signaller] = Signaller
    control: ControlPorts | None = None
    notifier: ServiceNotifier | None = None
    watch_period_s: float = WATCH_PERIOD_S
    quarantine: Quarantine = Quarantine()
    trader_restarts: int = 3
    trader_period_s: float = 5.0
    symbol_restarts: int = 3
    symbol_period_s: float = 60.0


def root(ports: Ports) -> Supervisor:
    """Make the root. What stands later needs what stands before it, and is started anew with it."""
    opener = ports.opener or AtOnce(OpenedAccount(ports.exchange.maker_fee))
    beginning = Beginning()
    children = [_worker(names.JOURNAL, lambda: Journal(ports.open_journal(), ports.journal))]
    if (open_cache := ports.open_cache) is not None:
        children.append(_worker(names.CACHE, lambda: Cache(open_cache())))
    children += [
        _supervisor("all accounts", lambda: _accounts(ports, opener, beginning)),
        _supervisor("streams", lambda: streams(ports.make_player, ports.prices, ports.candles, ports.signaller)),
        _supervisor("trading", lambda: _trading(ports)),
    ]
    if (control := ports.control) is not None:
        children.append(
            _worker(
                names.CONTROL,
                lambda: Control(
                    control.open_store(),
                    control.make_listener,
                    control.heartbeat,
                    ports.account,
                    is_alone=control.is_alone,
                ),
            )
        )
    if (notifier := ports.notifier) is not None:
        children.append(_worker(names.WATCHMAN, lambda: Watchman(notifier, ports.watch_period_s)))
    return Supervisor(children, strategy=Strategy.REST_FOR_ONE, max_restarts=5, period_s=60)


def _accounts(ports: Ports, opener: AccountOpener, beginning: Beginning) -> Supervisor:
    def make_desk() -> AccountDesk:
        return AccountDesk(
            ports.account,
            opener,
            lambda account, opened: _account_spec(ports, account, opened),
            ports.quarantine,
            beginning,
        )

    return Supervisor(
        [_supervisor(names.ACCOUNTS, DynamicSupervisor), _worker(names.ACCOUNT_DESK, make_desk)],
        strategy=Strategy.REST_FOR_ONE,
        max_restarts=5,
        period_s=60,
    )


def _account_spec(ports: Ports, account: str, opened: OpenedAccount) -> ChildSpec:
    return account_spec(
        account,
        [
            _worker(names.client(account), lambda: _client(ports, account, opened)),
            _worker(names.execution_manager(account), lambda: _execution_manager(ports, account)),
            _worker(names.account(account), lambda: Account(account, ports.instruments, ports.metadata)),
        ],
    )


def _trading(ports: Ports) -> Supervisor:
    return Supervisor(
        [
            _supervisor(names.SYMBOLS, DynamicSupervisor),
            _worker(names.SWITCHES, lambda: Switches(_context_of(ports), ports.quarantine)),
        ],
        strategy=Strategy.REST_FOR_ONE,
        max_restarts=5,
        period_s=60,
    )


def _context_of(ports: Ports) -> ContextOf:
    def context_of(account: str, symbol: str, fee: Decimal) -> SymbolContext | str:
        if symbol not in ports.instruments:
            return f"the exchange does not list {symbol}"
        return SymbolContext(
            account=account,
            symbol=symbol,
            owner=ports.owner,
            exchange=ports.exchange.name,
            cycle_floor=ports.cycle_floor,
            instruments=ports.instruments,
            fee=fee,
            trader_restarts=ports.trader_restarts,
            trader_period_s=ports.trader_period_s,
            symbol_restarts=ports.symbol_restarts,
            symbol_period_s=ports.symbol_period_s,
        )

    return context_of


def _execution_manager(ports: Ports, account: str) -> ExecutionManager:
    return ExecutionManager(account, ports.owner, ports.instruments, ports.execution)


def _client(ports: Ports, account: str, opened: OpenedAccount) -> Actor:
    if opened.make_client is not None:
        return opened.make_client()
    exchange = ports.exchange
    return (
        exchange.make_client(account) if isinstance(exchange, RealExchange) else _paper_client(ports, exchange, account)
    )


def _paper_client(ports: Ports, exchange: PaperExchange, account: str) -> PaperClient:
    def make_engine(balances: Mapping[str, Mapping[str, Decimal]], first_order_number: int) -> PaperEngine:
        return PaperEngine(
            _open_markets(ports.instruments),
            fill_model=exchange.fill_model,
            maker_fee=exchange.maker_fee,
            fee_asset=exchange.fee_asset,
            balances=balances,
            first_order_number=first_order_number,
        )

    return PaperClient(account, make_engine, ports.instruments, exchange.balances, ports.prices)


def _open_markets(instruments: Mapping[str, Instrument]) -> dict[str, Instrument]:
    """On paper a market is open whenever it prints trades, whatever was listed when the daemon started."""
    return {
        symbol: each if each.is_trading else msgspec.structs.replace(each, is_trading=True)
        for symbol, each in instruments.items()
    }


def _worker(name: names.Name, start: Callable[[], Actor]) -> ChildSpec:
    return ChildSpec(id=name, start=start, name=name)


def _supervisor(name: names.Name, start: Callable[[], Actor]) -> ChildSpec:
    return ChildSpec(id=name, start=start, name=name, type=ChildType.SUPERVISOR)
