"""One seed from the beginning to the end: a storm, then the calm behind it, then a death at rest."""

import random
import traceback
from collections import Counter
from collections.abc import Iterable

import msgspec

from naive_daemon.domain.account import AccountSettings
from naive_daemon.domain.limits import RiskLimits
from naive_daemon.domain.settings import RestingOrders, TradingStatus
from naive_daemon.otp import ActorDiedError
from naive_daemon.otp.trace import TraceSink
from tests.simulation.odds import Fault, Place
from tests.simulation.promises.liveness import still_to_be_cancelled
from tests.simulation.promises.orphans import meet_orphan
from tests.simulation.promises.violation import NO_LOOK, Violation, demand
from tests.simulation.weather import befall
from tests.simulation.world import World

BEATS_S = (0.05, 0.2, 0.5, 0.5, 1.0, 2.0, 8.0)
SETTLES_S = 10.0
SWINGS = 4
SWING_S = 2.0
CANCELLED_WITHIN_S = 240.0
LOOKS_EVERY_S = 2.0
CLOSING_LOOKS = 6
CALM_MAX_S = 900.0
"""Longer than any pause before something is tried again: quarantine, back-off, questions, reconciliation."""
DIES_AT_REST = 0.3
LEFT_ALONE = 0.5
ALL_LEFT_ALONE = 0.3
MEETS_ORPHAN = 0.2
CLOSES_ACCOUNT = 0.5
LAST_WISHES = (TradingStatus.ON, TradingStatus.ON, TradingStatus.SHUTDOWN, TradingStatus.OFF)


class Broken(msgspec.Struct, frozen=True):
    """A promise that was broken, and where in the run."""

    promise: str
    detail: str
    step: int
    at_s: float

    def __str__(self) -> str:
        return f"{self.promise}: {self.detail} (step {self.step}, {self.at_s:g} s)"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a seed. `passed_s` is virtual time; `completed` counts cycles that were sold."""

    seed: int
    broken: Broken | None
    steps: int
    passed_s: float
    lives: int
    orders: int
    fills: int
    completed: int
    faults: list[Fault]
    opportunities: dict[Place, int]


def run(seed: int, given: Iterable[Fault] | None = None, trace: TraceSink | None = None) -> Outcome:
    """Run a seed's world; with `given` under these faults, instead of those that it would draw."""
    world = World(seed, given, trace)
    world.witness.listen()
    broken: Broken | None = None
    try:
        _live(world)
    except Violation as violation:
        broken = Broken(violation.promise, violation.detail, world.steps, world.passed_s())
    except Exception as error:  # noqa: BLE001 - what was to be looked at is not there, say: with its seed it can be looked into
        where = traceback.extract_tb(error.__traceback__)[-1]
        detail = f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"
        broken = Broken(NO_LOOK, detail, world.steps, world.passed_s())
    finally:
        world.close()
    return Outcome(
        seed=seed,
        broken=broken,
        steps=world.steps,
        passed_s=world.passed_s(),
        lives=world.lives,
        orders=len(world.books._orders),
        fills=len(world.books._fills),
        completed=sum(
            cycle.result is not None and cycle.result.outcome.value == "completed"
            for cycle in world.books._cycles.values()
        ),
        faults=world.odds.befallen,
        opportunities=dict(Counter(world.odds.opportunities)),
    )


def _live(world: World) -> None:
    draw = random.Random(f"{world.seed}/run")
    world.start()
    for _ in range(world.plan.beats):
        world.beats += 1
        world.pass_time(draw.choice(BEATS_S))
        befall(world)
        world.print(world.market.prints())
        world.check()
    heal(world, draw)
    come_to_rest(world)
    if draw.random() < DIES_AT_REST:
        world.end_process("killed at rest")
        come_to_rest(world)
    if draw.random() < MEETS_ORPHAN and not world.plan.own_exchange:
        meet_orphan(world, draw)
        come_to_rest(world)
    if draw.random() < CLOSES_ACCOUNT:
        close_accounts(world)


def heal(world: World, draw: random.Random) -> None:
    """Let nothing go wrong any more, and have the operator say what is wanted in the end."""
    world.odds.heal()
    world.moments.clear()
    world.promises.heals()
    world.outages.heal()
    world.exchange.heal()
    world.end_silence()
    world.shown.set_ahead(0.0)
    see_cancelled(world)
    left_alone = 1.0 if draw.random() < ALL_LEFT_ALONE else LEFT_ALONE
    # What is as it is wanted already is left alone: a row that is written has all read, and all of it tried at once.
    if world.table.safeguards.kill_switch.is_on:
        world.table.set_kill_switch(is_on=False)
    for account, limits in world.table.safeguards.limits.items():
        if limits != RiskLimits():
            world.table.set_limits(RiskLimits(), account)
    for account in world.plan.accounts[1:]:
        if draw.random() >= left_alone or not world.table.accounts[account].is_enabled:
            world.table.set_account(AccountSettings(name=account))
    for account in world.plan.accounts:
        for symbol in world.plan.symbols:
            wish, stop = draw.choice(LAST_WISHES), draw.choice(tuple(RestingOrders))
            if draw.random() >= left_alone:
                world.table.set(symbol, wish, entries=RestingOrders.KEEP, stop=stop, account=account)


def see_cancelled(world: World) -> None:
    """Let time pass until nothing rests that is to be cancelled, before the market fills it, and with no word more."""
    until_s = world.passed_s() + CANCELLED_WITHIN_S
    while left := still_to_be_cancelled(world):
        demand(world.passed_s() < until_s, "what was to be cancelled is, soon", left)
        world.pass_time(LOOKS_EVERY_S)


def come_to_rest(world: World) -> None:
    """Let the market swing until everything was tried again and filled and all agree, at the longest for a while."""
    until_s = world.passed_s() + CALM_MAX_S
    while True:
        for number in range(SWINGS):
            world.print(world.market.swing(is_up=number % 2 == 1))
            world.pass_time(SWING_S)
            world.check()
        world.pass_time(SETTLES_S)
        world.check()
        try:
            world.promises.check_rest(world)
        except Violation:
            if world.passed_s() > until_s:
                raise
        except (ActorDiedError, TimeoutError) as error:  # who is asked is not there yet, or hangs
            demand(world.passed_s() <= until_s, "at rest whoever is asked answers", repr(error))
        else:
            return


def close_accounts(world: World) -> None:
    """Disable every account that can be, and see that its symbols stop in time."""
    for account in world.plan.accounts[1:]:
        world.table.set_account(AccountSettings(name=account, is_enabled=False))
        for _ in range(CLOSING_LOOKS):
            world.pass_time(SETTLES_S)
            world.check()
