"""Who may connect to an address: as often as is allowed, and one for all while it is away."""

import asyncio
from itertools import pairwise

from naive_daemon.exchange.binance.attempt_limit import AttemptLimit
from naive_daemon.exchange.binance.door import AWAY_MAX_S, FIRST_S, LOOK_S, Door


def attempts(door: Door, from_s: float, until_s: float, clients: int = 100) -> list[float]:
    """Have so many clients ask as often as they may, and give when they tried; none of them came through."""
    tried: list[float] = []
    asks = [from_s] * clients
    while (now_s := min(asks)) < until_s:
        wait_s = door.wait_s(now_s)
        if wait_s == 0:
            tried.append(now_s)
            door.note_away()
        asks[asks.index(now_s)] = now_s + max(wait_s, 0.01)
    return tried


def test_whoever_asks_may_connect_where_nothing_was_lost() -> None:
    door = Door(AttemptLimit(100, 300.0))
    assert [door.wait_s(1.0) for _ in range(101)] == [0.0] * 100 + [300.0]


def test_while_the_address_is_away_all_together_try_as_often_as_one() -> None:
    door = Door(AttemptLimit(230, 300.0))
    door.note_away()
    tried = attempts(door, 0.0, 300.0)
    pauses_s = [later - former for former, later in pairwise(tried)]
    assert tried[0] == 0.0
    assert all(FIRST_S <= pause_s < AWAY_MAX_S + LOOK_S for pause_s in pauses_s)
    assert 30 <= len(tried) < 40


def test_all_may_connect_again_as_soon_as_one_has() -> None:
    door = Door(AttemptLimit(230, 300.0))
    door.note_away()
    attempts(door, 0.0, 60.0)
    assert 0 < door.wait_s(60.0) <= LOOK_S
    door.note_there()
    assert [door.wait_s(60.0) for _ in range(100)] == [0.0] * 100


def test_each_time_it_is_away_the_first_tries_at_once() -> None:
    door = Door(AttemptLimit(230, 300.0))
    for now_s in (1.0, 2.0, 3.0):
        door.note_away()
        assert door.wait_s(now_s) == 0
        assert 0 < door.wait_s(now_s) <= FIRST_S
        door.note_there()


def test_nobody_goes_in_during_a_ban_that_came_while_he_waited_for_his_turn() -> None:
    async def run() -> None:
        door = Door(AttemptLimit(230, 300.0))
        door.note_away()
        assert door.wait_s(asyncio.get_running_loop().time()) == 0  # one tries for all, and runs into the ban
        looks: asyncio.Queue[None] = asyncio.Queue()
        is_over = asyncio.Event()
        is_over.set()

        async def wait_for_ban() -> None:
            looks.put_nowait(None)
            await is_over.wait()

        entering = asyncio.create_task(door.enter(wait_for_ban))
        await looks.get()
        is_over.clear()
        looking = asyncio.create_task(looks.get())
        await asyncio.wait([entering, looking], return_when=asyncio.FIRST_COMPLETED)
        assert not entering.done()
        is_over.set()
        await entering

    asyncio.run(run())
