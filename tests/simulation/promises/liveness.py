# ruff: noqa: D401 - a promise is a statement
"""What must be true once nothing goes wrong any more, the calm has lasted and the market has swung: nothing is left.

Each function is one promise. What must also hold of every daemon that rests is in `tests.trading.invariants`.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from naive_daemon import names
from naive_daemon.domain.events import OrderFilled
from naive_daemon.domain.limits import KillCancel
from naive_daemon.domain.order import Order
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.engine import PaperEngine
from naive_daemon.exchange.paper.ledger import Balance
from naive_daemon.otp import SimulatedSystem, WhichChildren
from tests.simulation.promises import naive_rules
from tests.simulation.promises.annals import Annals
from tests.simulation.promises.at_exchange import AtExchange
from tests.simulation.promises.prints import Prints
from tests.simulation.promises.violation import demand, promised
from tests.trading.invariants import check_rest
from tests.trading.table import Table

if TYPE_CHECKING:
    from naive_daemon.domain.instrument import Instrument
    from naive_daemon.exchange.paper.fee_asset import FeeAsset
    from naive_daemon.execution.memory_journal import MemoryJournal
    from tests.simulation.world import World


class WorldStanding:
    """A world as the invariants of any daemon look at it. Its exchange is its own, or the one in the daemon."""

    def __init__(self, world: "World", strangers: Sequence[OrderFilled] = ()) -> None:
        self._world = world
        self._strangers = strangers
        self.accounts = world.plan.accounts
        self.symbols = world.plan.symbols
        self.journal: MemoryJournal = world.books
        self.table: Table = world.table
        self.opening: Mapping[str, Decimal] = world.plan.opening
        self.instruments: Mapping[str, Instrument] = world.plan.instruments
        self.fee_asset: FeeAsset | None = world.plan.fee_asset

    @property
    def system(self) -> SimulatedSystem:
        """The actors that run."""
        system = self._world.system
        assert system is not None, "no process runs"
        return system

    def engine(self, account: str) -> PaperEngine | None:
        """Give the books of the exchange; None while those are in a process, or a part of it, that is not there."""
        if not self._world.plan.own_exchange:
            return self._world.exchange.engine
        return getattr(self._world.actor(names.client(account)), "_engine", None)

    def open_orders(self, account: str) -> Sequence[Order] | None:
        """Give what rests on the exchange of ours."""
        engine = self.engine(account)
        if engine is None:
            return None
        return [order for order in engine.open_orders(account) if order.key.trader]  # strangers have no trader

    def balances(self, account: str) -> Mapping[str, Balance]:
        """Give what the exchange says that an account owns."""
        engine = self.engine(account)
        return {} if engine is None else engine.balances(account)

    def foreign(self, account: str) -> Mapping[str, Decimal]:
        """Give by how much strangers have changed what an account owns; on the daemon's own exchange are none."""
        changes: defaultdict[str, Decimal] = defaultdict(Decimal)
        for fill in self._strangers:
            if fill.account != account or self._world.plan.own_exchange:
                continue
            order = self._world.exchange.engine.order(account, fill.client_order_id)
            assert order is not None
            sign = 1 if order.side is Side.BUY else -1
            instrument = self.instruments[fill.symbol]
            changes[instrument.base_asset] += sign * fill.quantity
            changes[instrument.quote_asset] -= sign * fill.quantity * fill.price
            changes[fill.commission_asset] -= fill.commission
        return changes

    def actor(self, name: Hashable) -> Any:
        """Give the actor that has a name now."""
        actor = self._world.actor(name)
        assert actor is not None, f"nobody is called {name}"
        return actor

    def traders_of(self, account: str, symbol: str) -> list[Any]:
        """Give the traders of a symbol."""
        supervisor = self.system.whereis(names.traders(account, symbol))
        if supervisor is None:
            return []
        children = self.system.ask(supervisor, WhichChildren())
        return [child.ref._actor for child in children if child.ref is not None]


def check_liveness(world: "World", annals: Annals, prints: Prints, there: AtExchange, healed_ns: int | None) -> None:
    """See that nothing is left of all that went wrong, and that trading goes on."""
    standing = WorldStanding(world, there.strangers)
    is_up(world)
    for account in world.plan.accounts:
        account_is_up(world, account)
    with promised("at rest all agree"):
        check_rest(standing)
    for account in world.plan.accounts:
        nothing_waits(world, account)
        nobody_holds_entries(world, account)
        risk_is_counted(world, account)
        account_knows_what_is_open(world, account)
    exchange_has_what_the_journal_has(world, annals, there)
    every_drain_ends(world.table)
    nothing_rests_that_was_to_be_cancelled(world)
    for key, row in world.table.rows.items():
        if row.status is TradingStatus.ON:
            for cycle in annals.symbols[key].open.values():
                naive_rules.rebuys_when_due(cycle, prints)
            if healed_ns is not None:
                completes_cycles(world, annals, key)
            leader_has_the_settings(world, key)


def is_up(world: "World") -> None:
    """Recovery is start: once nothing goes wrong, a process runs, and says that it is ready."""
    demand(world.is_up, "the daemon comes up", f"after {world.lives} lives; {world.deaths[-3:]}")


def account_is_up(world: "World", account: str) -> None:
    """An account that went down, for whatever passes, is up again by itself."""
    is_there = all(world.actor(name(account)) is not None for name in (names.execution_manager, names.account))
    demand(is_there, "every account is up again", f"{account}: {world.table.conditions.get(account)}")


def nothing_waits(world: "World", account: str) -> None:
    """No order is left that is being sent, asked for, cancelled or reconciled."""
    manager = world.actor(names.execution_manager(account))
    left = {
        "on their way": manager._sending._in_flight,
        "not sent": manager._sending._unsent,
        "waited for": manager._sending._waiters,
        "to be cancelled": manager._cancels._wanted,
        "asked for": len(manager._asking),
        "questions": manager._asking._inquiries._asking,
        "questions that wait": manager._asking._inquiries._waiting,
        "strangers": manager._reconciler._strangers._waiting,
        "a round": manager._reconciler._round,
        "a snapshot": manager._reconciler._is_snapshot_asked,
    }
    remaining = {what: each for what, each in left.items() if each}
    demand(not remaining, "nothing is left of what was asked or sent", f"{account}: {remaining}")
    waiting = world.actor(names.JOURNAL)._waiting
    demand(not waiting, "everything is written when the journal is back", f"{len(waiting)} wait")


def nobody_holds_entries(world: "World", account: str) -> None:
    """Entries wait for nothing any more: the account is connected, and no limit or switch holds them."""
    view = world.actor(names.execution_manager(account))._view()
    demand(view.is_connected, "the account is connected again", account)
    held = {key: actual.held for key, actual in world.table.actual.items() if key[0] == account and actual.held}
    demand(not held, "nothing holds entries back", held)


def risk_is_counted(world: "World", account: str) -> None:
    """Limits are held against what open cycles have cost and may still cost, also by a daemon that has just started."""
    books, risk = world.books, world.actor(names.execution_manager(account))._gate._risk
    costs: defaultdict[str, Decimal] = defaultdict(Decimal)
    for cycle in books.cycles():
        if cycle.result is None and cycle.key.account == account:
            buys = [order for order in books.load_cycle(cycle.key) if order.side is Side.BUY]
            resting = [order.price * order.remaining for order in buys if not order.status.is_terminal]
            costs[cycle.key.symbol] += sum(order.filled_quote for order in buys) + sum(resting)
    counted = {symbol: risk.at_risk(symbol) for symbol in world.plan.symbols}
    demand(all(counted[symbol] == costs[symbol] for symbol in counted), "risk is counted", f"{counted}, not {costs}")


def account_knows_what_is_open(world: "World", account: str) -> None:
    """An account shows no position of a cycle that has ended."""
    known = world.actor(names.account(account))._positions._positions
    ended = [str(key) for key in known if world.books._cycles[key].result is not None]
    demand(not ended, "an account forgets what has ended", ended)


def exchange_has_what_the_journal_has(world: "World", annals: Annals, there: AtExchange) -> None:
    """The journal has every fill that the exchange has made, and of every order what became of it there."""
    if world.plan.own_exchange:
        return
    missing = [fill for key, fill in there.made.items() if key not in annals.fills]
    demand(not missing, "no fill is lost", missing)
    for order in world.books.orders():
        at_exchange = world.exchange.engine.order(order.key.account, order.client_order_id)
        if at_exchange is None:
            is_known = order.status.is_terminal and not order.filled
            demand(is_known, "what never arrived is over", order)
        else:
            has_same = (order.status, order.filled) == (at_exchange.status, at_exchange.filled)
            demand(has_same, "journal and exchange say the same", f"{order}, there {at_exchange}")


def every_drain_ends(table: Table) -> None:
    """Once the last trader of a drain has ended, the symbol's tree ends and its status becomes off."""
    draining = [key for key, row in table.rows.items() if row.status is TradingStatus.SHUTDOWN]
    demand(not draining, "every drained symbol is off", draining)


def nothing_rests_that_was_to_be_cancelled(world: "World") -> None:
    """Nothing rests of what an operator wanted cancelled, whoever has died since then."""
    left = still_to_be_cancelled(world)
    demand(not left, "what was to be cancelled is", left)


def still_to_be_cancelled(world: "World") -> list[str]:
    """Give the live orders that are not to be.

    All of a symbol that is off by `stop --orders cancel`; entries of which nothing is filled of one that drains by
    `shutdown --entries cancel`, and everywhere under `kill-switch on --cancel entries`.
    """
    switch, left = world.table.safeguards.kill_switch, []
    for order in world.books.orders():
        account = world.table.accounts.get(order.key.account)
        if order.status.is_terminal or (account is not None and not account.is_enabled):
            continue
        row = world.table.rows[order.key.account, order.symbol]
        is_cleared = row.status is TradingStatus.OFF and row.stop_orders is RestingOrders.CANCEL
        drops_entries = row.status is TradingStatus.SHUTDOWN and row.shutdown_entries is RestingOrders.CANCEL
        drops_entries |= switch.is_on and switch.cancel is KillCancel.ENTRIES
        if is_cleared or (drops_entries and order.side is Side.BUY and not order.filled):
            left.append(order.client_order_id)
    return left


def completes_cycles(world: "World", annals: Annals, key: tuple[str, str]) -> None:
    """A symbol that is on trades: when the market swings, buys and then sells are filled, and cycles complete."""
    trade, instrument = world.table.rows[key].trade, world.plan.instruments[key[1]]
    can_trade = trade.budget / trade.chunks > 2 * instrument.min_notional
    completed = annals.symbols[key].completed
    demand(completed > 0 or not can_trade, "cycles complete again", f"{key}: none since all is well")


def leader_has_the_settings(world: "World", key: tuple[str, str]) -> None:
    """What an operator has set is what the next cycle is traded with."""
    trade, wanted = world.actor(names.leader(*key))._crew.settings.trade, world.table.rows[key].trade
    demand(trade == wanted, "settings reach the leader", f"{key}: {trade}, wanted {wanted}")
