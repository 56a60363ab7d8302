"""What may be otherwise for a moment, and not for long: each promise with the time within which it is kept again.

The time counts once nothing hinders any more: from the last fault at a place that has to do with it, in one life, while
Postgres can be reached. So what a fault has left behind is found when it has been left, not by who comes by later.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from naive_daemon import names
from naive_daemon.domain.limits import KillCancel, RiskLimits
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.execution.gatekeeper import MARKET
from naive_daemon.execution.reconciler import SNAPSHOT_TIMEOUT_S
from naive_daemon.trading.account_stage import Stage
from tests.simulation import managers
from tests.simulation.odds import Fault
from tests.simulation.promises.isolation import OF_SYMBOLS, STRIKES
from tests.simulation.promises.violation import demand
from tests.simulation.stores.outages import POSTGRES

if TYPE_CHECKING:
    from tests.simulation.world import World

WITHIN_S = 45.0
"""Longer than an actor may hang before it is killed, or a lost connection stays unnoticed and is made again."""

KNOWN_WITHIN_S = 35.0
"""Longer than an actor may hang before it is killed."""

SHOWN_WITHIN_S = 40.0
"""Longer than control, which has its own thread, may be held up, and is then refused again and again."""
CONFIRMED_WITHIN_S = 20.0
"""As long as a notice may be late, an order may wait to be sent, and until control has written it."""
HANGS, CONFIRMING = ("stuck", "stall"), frozenset({"switches", "control", "account desk"})
"""They may hang for longer than that (seed 93000411)."""
CLOSED_WITHIN_S = 5.0
"""Nobody is asked for it: whoever knows that an account is down has closed it."""
ANSWERED_WITHIN_S = SNAPSHOT_TIMEOUT_S + 5.0
"""An execution manager waits so long for an answer, and may be held up."""

ELSEWHERE = frozenset(
    {"control", "switches", "watchman", "account desk", "cache", "feed", "player", "client", "account"}
)
OF_ACCOUNTS = frozenset({"account", "execution", "client", "feed", "player", "watchman"})

Late = tuple[str, Hashable, str]
"""A promise that is not kept now, whose, and what is seen instead."""


class Soon:
    """Compares one look with the next; `check` raises Violation for what has been late for too long."""

    def __init__(self) -> None:
        self._life: object = None
        self._looked_at = 0
        self._since_s: dict[tuple[str, Hashable], float] = {}

    def check(self, world: "World") -> None:
        """Look at everything, once in a while."""
        befallen = world.odds.befallen
        fresh, self._looked_at = befallen[self._looked_at :], len(befallen)
        is_able = world.is_up and not world.outages.is_away(POSTGRES)
        if world.life is not self._life or not is_able:
            self._life = world.life
            self._since_s.clear()
        if not is_able:
            return
        now_s, before = world.passed_s(), self._since_s
        self._since_s = {}
        for look in LOOKS:
            is_hindered = any(look.is_hindered_by(fault) for fault in fresh)
            for promise, whose, seen in look.see(world):
                key = promise, whose
                since_s = self._since_s[key] = now_s if is_hindered else before.get(key, now_s)
                detail = f"{whose}: for {now_s - since_s:.0f} s: {seen}"
                demand(now_s - since_s <= look.within_s, promise, detail)


def _wanted(world: "World") -> Iterator[Late]:
    """See to it that what an operator has written is known to the daemon: each time anew, from when it was written."""
    switches, table = world.actor(names.SWITCHES), world.table
    if switches is None:  # nothing is traded, and what stands before them waits for its exchange
        return
    for key, row in table.rows.items():
        known = switches._symbols.get(key)
        if row.status is TradingStatus.OFF:
            is_known = known is None or known.settings.status is TradingStatus.OFF
        else:
            is_known = known is not None and known.settings == row
        if not is_known:
            seen = f"{known and known.settings}, wanted {row}"
            yield "what an operator writes is known soon", (key, str(row)), seen
    read = switches._guard._safeguards
    if read != table.safeguards:
        wanted = str(table.safeguards)
        yield "what an operator writes is known soon", ("safeguards", wanted), f"{read}, wanted {wanted}"


def _shown(world: "World") -> Iterator[Late]:
    """See to it that what a symbol does is shown, and that one which has drained becomes off."""
    switches, table = world.actor(names.SWITCHES), world.table
    for key, known in () if switches is None else switches._symbols.items():
        if known.told is not None and table.actual.get(key) != known.told:
            yield "what a symbol does is shown soon", key, f"{table.actual.get(key)}, it is {known.told}"
        row = table.rows.get(key)
        if known.state == "drained" and row is not None and row.status is TradingStatus.SHUTDOWN:
            yield "a symbol that has drained is off soon", key, f"wanted {row.status}"


def _told(world: "World") -> Iterator[Late]:
    """See to it that an operator sees how an account is, and that it heeds kill switch and limits as they are now."""
    desk, table = world.actor(names.ACCOUNT_DESK), world.table
    switch = table.safeguards.kill_switch
    is_shown = world.actor(names.CONTROL) is not None  # else what stands before it waits for its exchange
    for account, life in () if desk is None else desk._lives.items():
        if is_shown and life._told is not None and table.conditions.get(account) != life._told:
            yield "how an account is is shown soon", account, f"{table.conditions.get(account)}, it is {life._told}"
        seen, manager = table.kill_switch_seen.get(account), managers.started(world, account)
        is_up = life.stage is Stage.UP and manager is not None  # else it waits for its exchange
        if is_up and seen != switch.revision:
            yield "a kill switch is confirmed soon", (account, switch.revision), f"revision {seen}"
        limits = table.safeguards.limits.get(account, RiskLimits())
        if is_up and manager._gate._risk.limits != limits:
            yield "an account is held to its limits soon", account, f"{manager._gate._risk.limits}, set {limits}"


def _answered_for(world: "World") -> Iterator[Late]:
    """See to it that the kill switch is confirmed for an account that nobody trades, unless somebody has to cancel."""
    desk, table = world.actor(names.ACCOUNT_DESK), world.table
    switch = table.safeguards.kill_switch
    hung = any(kind in HANGS and place in CONFIRMING for kind, place in world.actor_faults.struck)
    is_asked = all(world.actor(name) is not None for name in (names.SWITCHES, names.CONTROL))
    if hung or not is_asked or (switch.is_on and switch.cancel is KillCancel.ENTRIES):
        return
    for account, life in () if desk is None else desk._lives.items():
        seen = table.kill_switch_seen.get(account)
        nobody_trades = world.actor(names.execution_manager(account)) is None
        if nobody_trades and life._is_ours and seen != switch.revision:
            whose = account, switch.revision
            yield "a kill switch is confirmed for an account that nobody trades", whose, f"revision {seen}"


def _unheard(world: "World") -> Iterator[Late]:
    """See to it that every manager knows when the market is not heard, also one that has started since."""
    if world.market_health.connected or world.actor(names.PLAYER) is None:
        return
    for account in world.plan.accounts:
        manager = managers.started(world, account)
        if manager is not None and not manager._gate.holds(MARKET):
            yield "a manager knows soon that the market is not heard", account, f"held: {list(manager._gate._gate)}"


def _stopped(world: "World") -> Iterator[Late]:
    """See to it that no symbol's tree outlives its account."""
    desk, system = world.actor(names.ACCOUNT_DESK), world.system
    for account, life in () if desk is None else desk._lives.items():
        running = [one for one in world.plan.symbols if system.whereis(names.symbol_supervisor(account, one))]
        if life.stage in (Stage.OFF, Stage.DOWN) and running:
            yield "a symbol stops soon when its account is down", account, f"{life.stage}: {running}"


def _closed(world: "World") -> Iterator[Late]:
    """See to it that no connection outlives its account; one that is to be opened again is then given a new one."""
    desk, rows = world.actor(names.ACCOUNT_DESK), world.table.accounts
    for account, life in () if desk is None else desk._lives.items():
        is_off = life.stage is Stage.OFF and not (account in rows and rows[account].is_enabled)
        if (is_off or life.stage is Stage.DOWN) and world.exchange.has_gateway(account):
            yield "a connection ends soon when its account is down", account, str(life.stage)


def _followed(world: "World") -> Iterator[Late]:
    """See to it that traders know of their orders what the journal knows, and an account which cycles are open."""
    for (account, symbol), row in world.table.rows.items():
        leader, manager = world.actor(names.leader(account, symbol)), managers.started(world, account)
        is_up = manager is not None  # else the account waits for its exchange
        for number, slot in leader._crew.slots.items() if is_up and leader is not None and row is not None else ():
            trader = world.actor(names.trader(account, symbol, number))
            if trader is None or slot.is_finished:
                continue
            for order in trader._position.orders[-1:]:
                kept = world.books._orders.get(order.client_order_id)
                if kept is not None and (kept.status, kept.filled) != (order.status, order.filled):
                    whose = (account, symbol, number)
                    yield "a trader hears soon what became of its order", whose, f"{order}, the journal: {kept}"
    for account in world.plan.accounts:
        actor = world.actor(names.account(account))
        known: Iterable[Any] = () if actor is None else actor._positions._positions
        for key in known:
            cycle = world.books._cycles.get(key)
            if cycle is not None and cycle.result is not None:
                yield "an account forgets soon what has ended", key, "its position is still open"


def _begun_anew(world: "World") -> Iterator[Late]:
    """See to it that who has bought nothing trades as is wanted now, and that no limit is for one who has ended."""
    annals = world.promises.annals
    for key, symbol in annals.symbols.items():
        row, leader = world.table.rows[key], world.actor(names.leader(*key))
        is_traded = row.status is TradingStatus.ON and leader is not None and leader._is_ready
        for cycle in symbol.open.values() if is_traded else ():
            if cycle.terms.settings != row.trade and all(order.was_refused for order in cycle.all_orders):
                whose = cycle.terms.key, str(row.trade)
                yield "who has bought nothing trades soon as is wanted", whose, f"{cycle.terms.settings}"
    for account in world.plan.accounts:
        manager = managers.started(world, account)
        for symbol_name, order in () if manager is None else manager._gate._refused.items():
            cycle = annals.cycles.get(order.key)
            if cycle is not None and cycle.result is not None:
                yield "a limit waits for nobody who has ended", (account, symbol_name), str(order.key)


def _compared(world: "World") -> Iterator[Late]:
    """See to it that no question what rests at the exchange stays open: nobody would compare any more."""
    for account in world.plan.accounts:
        manager = managers.started(world, account)
        if manager is not None and manager._reconciler._is_snapshot_asked:
            yield "a question what rests has an end", (account, manager._reconciler._questions), "it is open"


class _Look(msgspec.Struct, frozen=True):
    """What sees what is late, at what places any fault hinders it, and who may be struck without hindering it."""

    see: Callable[["World"], Iterator[Late]]
    places: tuple[str, ...]
    others: frozenset[str]
    within_s: float = WITHIN_S

    def is_hindered_by(self, fault: Fault) -> bool:
        """Say whether what has befallen excuses what is late."""
        return fault.place.startswith(self.places) or (fault.kind in STRIKES and fault.place not in self.others)


LOOKS = (
    _Look(_wanted, ("notice", "listener"), OF_ACCOUNTS | OF_SYMBOLS),
    _Look(_shown, (), OF_ACCOUNTS | OF_SYMBOLS, SHOWN_WITHIN_S),
    _Look(_answered_for, ("notice", "listener", "settings.", "journal."), OF_ACCOUNTS | OF_SYMBOLS, CONFIRMED_WITHIN_S),
    _Look(_told, ("notice", "listener", "settings.", "journal."), OF_SYMBOLS | {"feed", "player", "watchman", "cache"}),
    _Look(_unheard, (), OF_SYMBOLS | {"control", "switches", "watchman", "account desk", "cache"}, KNOWN_WITHIN_S),
    _Look(_stopped, (), OF_ACCOUNTS),
    _Look(_closed, (), OF_SYMBOLS | {"feed", "player", "watchman", "cache"}, CLOSED_WITHIN_S),
    _Look(_followed, ("journal.",), frozenset({"control", "switches", "watchman", "account desk", "cache"})),
    _Look(
        _begun_anew, ("notice", "listener", "settings.", "journal."), frozenset({"watchman", "account desk", "cache"})
    ),
    _Look(_compared, (), OF_SYMBOLS | ELSEWHERE, ANSWERED_WITHIN_S),
)
