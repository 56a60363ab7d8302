"""Mishaps of those who supervise and are supervised: somebody dies, or outlives another, at the worst moment."""

from naive_daemon import names
from naive_daemon.domain.order import Order
from naive_daemon.execution.messages import AccountFailed
from naive_daemon.otp import Ref
from tests.simulation.mishaps.befalling import (
    EVEN,
    LOOK_S,
    Befall,
    after,
    fill_a_piece,
    kill,
    kill_after,
    once,
    open_buys,
)
from tests.simulation.stores.outages import POSTGRES
from tests.simulation.world import World

UNHEARD_S = 40.0
AWAY_MAX_S = 30.0
DYING_S = 2.0
ENDING_S = 1.0
OUTLIVING_S = 4.0
PIECES = 8
DEATHS = 8
DECIDES_S = 1.0
BUSY_MAX_S = 4.0
SLOW_MAX_S = 10.0
UNKNOWN_MIN_S = 14.0
"""Longer than a first quarantine."""


def _dies_again_and_again(world: World, account: str, _: str, __: float) -> None:
    """Kill an account's client until its supervisor gives up."""
    for number in range(DEATHS):
        kill_after(world, number * LOOK_S, names.client(account))


def _killed_as_an_entry_is_decided(world: World, account: str, symbol: str, size: float) -> None:
    """Kill the execution manager while a trader decides: its entry is committed as the next one reads the journal."""
    trader = names.trader(account, symbol, 1)

    def die(_: Ref) -> None:
        world.actor_faults.hold_up(names.JOURNAL, 2 * DECIDES_S)
        kill(world, names.execution_manager(account))

    world.actor_faults.busy(trader, DECIDES_S * size, die)


def _killed_as_a_cycle_ends(world: World, account: str, _: str, __: float) -> None:
    """Kill the execution manager when the end of a cycle has been committed, and before it is told."""

    def end() -> None:
        world.moments.cycle_ends = lambda: None
        kill(world, names.execution_manager(account))

    world.moments.cycle_ends = end


def _outlive_their_journal(world: World, _: str, __: str, size: float) -> None:
    """Let the journal die of what it has not written, and a supervisor while the root ends what stands behind it.

    Who stood below that supervisor lives on until its successor finds them, beside the next journal. What rests is
    filled in pieces meanwhile, so that each journal has something to write. It begins when a buy rests.
    """

    def buy() -> Order | None:
        buys = [order for account in world.plan.accounts for order in open_buys(world, account)]
        return buys[int(size * len(buys)) - 1] if buys else None

    def begin(order: Order) -> None:
        account, symbol, trader = order.key.account, order.symbol, order.key.trader
        is_of_accounts = world.exchange.network.draw.random() < EVEN
        slow = names.account(account) if is_of_accounts else names.trader(account, symbol, trader)
        supervisor = "all accounts" if is_of_accounts else "trading"

        def die() -> None:
            world.actor_faults.hold_up(names.CONTROL, ENDING_S)
            world.actor_faults.hold_up(slow, OUTLIVING_S)
            kill(world, names.JOURNAL)
            kill_after(world, ENDING_S / 2, supervisor)
            for number in range(PIECES):
                at_s = number * OUTLIVING_S / PIECES
                world.agenda.after(at_s, lambda: fill_a_piece(world, account, symbol))

        world.actor_faults.hold_up(names.JOURNAL, DYING_S)
        world.agenda.after(DYING_S / 2, die)

    once(world, buy, begin)


def _killed_above_the_busy(world: World, account: str, symbol: str, size: float) -> None:
    """Let somebody be busy as its supervisor is killed: what it does then it does beside those who have begun anew."""

    def die(ref: Ref) -> None:
        supervisor = ref._actor.parent
        if ref.is_alive() and supervisor is not None and supervisor.is_alive() and not world.odds.is_healed:
            world.actor_faults.kill(supervisor)

    draw = world.exchange.network.draw
    busy_s = BUSY_MAX_S * (1.0 - draw.random())
    kinds = (
        names.trader(account, symbol, 1),
        names.leader(account, symbol),
        names.symbol_supervisor(account, symbol),
        names.execution_manager(account),
        names.account(account),
        names.client(account),
        names.account_supervisor(account),
        names.ACCOUNT_DESK,
        names.SWITCHES,
    )
    name = kinds[0] if draw.random() < EVEN else kinds[int(size * len(kinds)) % len(kinds)]
    world.actor_faults.busy(name, busy_s, lambda ref: world.agenda.after(busy_s / 2, lambda: die(ref)))


def _key_is_refused(world: World, account: str, _: str, size: float) -> None:
    """Let the exchange refuse an account's key while its manager starts, and those die who are to close the account."""
    world.exchange.go_away(size * AWAY_MAX_S)
    kill(world, names.execution_manager(account))

    def refuse() -> None:
        if world.system is not None:
            world.system.tell(names.ACCOUNT_DESK, AccountFailed(account, "the exchange refuses its key"))

    after(world, LOOK_S, refuse)
    kill_after(world, LOOK_S * (1.0 + size), names.ACCOUNT_DESK)


def _starts_while_nothing_is_heard(world: World, account: str, symbol: str, _: float) -> None:
    """Lose a part of the market's connections for long, and kill who holds entries back for it."""
    symbols = frozenset(world.plan.symbols)
    world.silence(UNHEARD_S, symbols - {symbol} or symbols)
    kill_after(world, ENDING_S, names.execution_manager(account))


def _nobody_knows_what_is_wanted(world: World, _: str, __: str, size: float) -> None:
    """Kill the switches while the settings can not be read: those that come know of nobody what is wanted."""
    world.outages.take_away(POSTGRES, 1.0 + size * SLOW_MAX_S)
    kill_after(world, LOOK_S, names.SWITCHES)


def _fails_while_nobody_knows(world: World, account: str, symbol: str, size: float) -> None:
    """Let a symbol fail that the switches have found running: its quarantine is over before they know it is wanted."""
    world.outages.take_away(POSTGRES, UNKNOWN_MIN_S + size * SLOW_MAX_S)
    kill_after(world, LOOK_S, names.SWITCHES)
    kill_after(world, ENDING_S, names.symbol_supervisor(account, symbol))


OF_SUPERVISION: dict[tuple[str, str], Befall] = {
    ("mishap", "dies again and again"): _dies_again_and_again,
    ("mishap", "killed as an entry is decided"): _killed_as_an_entry_is_decided,
    ("mishap", "killed as a cycle ends"): _killed_as_a_cycle_ends,
    ("mishap", "outlive their journal"): _outlive_their_journal,
    ("mishap", "killed above the busy"): _killed_above_the_busy,
    ("mishap", "the key is refused"): _key_is_refused,
    ("mishap", "starts while nothing is heard"): _starts_while_nothing_is_heard,
    ("mishap", "nobody knows what is wanted"): _nobody_knows_what_is_wanted,
    ("mishap", "fails while nobody knows"): _fails_while_nobody_knows,
}
