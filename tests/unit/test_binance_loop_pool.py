"""Loops that accounts share: each ends alone, a defect is told to its own account only, and threads stay few."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from naive_daemon.exchange.binance.loop_pool import LoopPool

WAIT_S = 10.0


@pytest.fixture
def pool() -> Iterator[LoopPool]:
    pool = LoopPool(loops_max=1)
    yield pool
    assert pool.end()


class Account:
    """Somebody who lodges there, and hears of defects."""

    def __init__(self, pool: LoopPool, name: str = "one") -> None:
        self.errors: list[str] = []
        self.failed = threading.Event()
        self.lodger = pool.lodge(name, self._take)
        self.lodger.start()

    def _take(self, error: BaseException) -> None:
        self.errors.append(str(error))
        self.failed.set()

    def wait_turn(self) -> None:
        """Wait until all that was called before has been."""
        turned = threading.Event()
        assert self.lodger.call(turned.set)
        assert turned.wait(WAIT_S)


def test_one_account_ends_alone_with_all_that_it_has_started(pool: LoopPool) -> None:
    one, other = Account(pool, "one"), Account(pool, "other")
    ends: list[str] = []

    async def live(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append(name)

    async def parent(name: str) -> None:
        child = asyncio.create_task(live(f"{name}'s child"))  # started by a task, and so its account's
        await live(name)
        await child

    for account in (one, other):
        account.lodger.call(account.lodger.spawn, lambda account=account: parent(account.lodger._name))
        account.wait_turn()
    other.wait_turn()
    assert one.lodger.end()
    assert sorted(ends) == ["one", "one's child"]
    assert not one.lodger.call(ends.append, "called after the end")
    other.wait_turn()
    assert other.lodger.end()
    assert sorted(ends) == ["one", "one's child", "other", "other's child"]
    assert not one.errors
    assert not other.errors


@pytest.mark.parametrize("where", ["task", "callback", "timer", "task that nobody waits for"])
def test_a_defect_is_told_to_the_account_that_has_it_and_the_loop_goes_on(pool: LoopPool, where: str) -> None:
    one, other = Account(pool, "one"), Account(pool, "other")

    def fail() -> None:
        raise ValueError(where)

    async def fail_later() -> None:
        fail()

    begin = {
        "task": lambda: one.lodger.spawn(fail_later),
        "callback": fail,
        "timer": lambda: asyncio.get_running_loop().call_later(0, fail),
        "task that nobody waits for": lambda: asyncio.get_running_loop().create_task(fail_later()) and None,
    }
    one.lodger.call(begin[where])
    assert one.failed.wait(WAIT_S)
    assert one.errors == [where]
    other.wait_turn()
    assert other.errors == []


def test_a_failure_that_somebody_waits_for_is_no_defect(pool: LoopPool) -> None:
    one = Account(pool)
    done = threading.Event()

    async def fail() -> None:
        raise ValueError("expected")

    async def parent() -> None:
        with pytest.raises(ValueError, match="expected"):
            await asyncio.create_task(fail())
        done.set()

    one.lodger.call(one.lodger.spawn, parent)
    assert done.wait(WAIT_S)
    one.wait_turn()
    assert one.errors == []


def test_one_that_does_not_end_is_said_to_be_there_and_the_others_go_on(pool: LoopPool) -> None:
    one, other = Account(pool, "one"), Account(pool, "other")
    released = threading.Event()

    async def hold_on() -> None:
        while not released.is_set():
            try:
                await asyncio.sleep(0.001)
            except asyncio.CancelledError:
                continue

    one.lodger.call(one.lodger.spawn, hold_on)
    one.wait_turn()
    assert not one.lodger.end(0.01)
    other.wait_turn()
    released.set()
    assert one.lodger.end(WAIT_S)


def test_threads_do_not_grow_with_accounts_which_are_spread_over_them() -> None:
    pool = LoopPool(loops_max=3)
    accounts = [Account(pool, f"{number}") for number in range(30)]
    for account in accounts:
        account.wait_turn()
    threads: dict[threading.Thread, int] = {}
    for account in accounts:
        account.lodger.call(lambda: threads.update({(me := threading.current_thread()): threads.get(me, 0) + 1}))
        account.wait_turn()
    assert list(threads.values()) == [10, 10, 10]
    ours = list(threads)
    assert pool.end()
    assert not any(thread.is_alive() for thread in ours)
    assert all(account.lodger.end() for account in accounts)  # long ago, with their loops


def test_one_that_never_started_may_be_ended(pool: LoopPool) -> None:
    lodger = pool.lodge("one", lambda _: None)
    assert lodger.end(0)
    assert not lodger.call(print)
