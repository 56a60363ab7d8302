"""Requests that wait for the exchange's limits: who goes first, who is turned away, and that each is told."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
import structlog

from naive_daemon.clock import NS_PER_MS, Clock, VirtualClock, WallClock
from naive_daemon.exchange.binance.budget import Budget, Cost, Kind, Limit, Priority
from naive_daemon.exchange.binance.delivery import Delivery
from naive_daemon.exchange.binance.exchange_time import ExchangeTime
from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.exchange.binance.request import Request
from naive_daemon.exchange.binance.rest import Rest
from naive_daemon.exchange.binance.sender import WAITING_MAX, Sender
from naive_daemon.exchange.binance.signal import Answer, Banned, NotSent, OrderLimit, Signal
from naive_daemon.exchange.binance.signing import HmacSigner
from naive_daemon.exchange.binance.trouble import Troubles
from naive_daemon.exchange.binance.wire import RateLimit
from naive_daemon.exchange.binance.ws_api import OnAnswer

if TYPE_CHECKING:
    from naive_daemon.exchange.binance.ws_api import Connection
    from naive_daemon.execution.client import ClientTrouble

LIMITS = (Limit(Kind.WEIGHT, 60_000, 100),)


class Wires:
    """A sender on a connection that leads nowhere: what is sent is written down, and never answered."""

    def __init__(self, clock: Clock | None = None) -> None:
        signer, time = HmacSigner("k", "s"), ExchangeTime(clock or WallClock())
        oddities = Oddities(structlog.get_logger())
        self.budget = Budget(LIMITS)
        self.told: list[tuple[str, Signal]] = []
        self.troubles: list[ClientTrouble] = []
        self.sent: list[str] = []
        self.answers: list[OnAnswer] = []
        self.rest = Rest("http://127.0.0.1:9", signer, time, recv_window_ms=5_000, timeout_s=1)
        self.sender = Sender(
            self.rest,
            signer,
            time,
            self.budget,
            Troubles("main", Delivery(self.troubles.append, oddities), structlog.get_logger()),
            connection=lambda: cast("Connection", self),
            measure=self._measure,
            spawn=self._spawn,
            recv_window_ms=5_000,
            timeout_s=1,
        )
        self.time = time

    async def _measure(self) -> bool:
        return True

    def _spawn(self, make: Callable[[], Any]) -> None:
        raise AssertionError("nothing has to go by REST")

    def send(self, method: str, _parameters: Any, on_answer: OnAnswer, *, until_s: float) -> None:
        assert until_s > asyncio.get_running_loop().time()
        self.sent.append(method)
        self.answers.append(on_answer)

    def submit(self, name: str, priority: Priority, *, within_s: float = 60, weight: int = 1) -> None:
        self.sender.submit(
            Request(
                "GET",
                name,
                (),
                lambda signal: self.told.append((name, signal)),
                cost=Cost(weight),
                priority=priority,
                within_s=within_s,
                name=name,
                ws_method=name,
            )
        )

    def ban(self) -> None:
        self.budget.ban_until(self.time.now_ms() + 60_000)

    def unban(self) -> None:
        self.budget = Budget(LIMITS)
        self.sender._budget = self.budget
        self.sender.relimit(LIMITS)


def run(play: Callable[[Wires], None], clock: Clock | None = None) -> None:
    async def main() -> None:
        wires = Wires(clock)
        try:
            play(wires)
        finally:
            await wires.rest.close()

    asyncio.run(main())


def test_what_the_budget_allows_goes_at_once_and_in_its_order() -> None:
    def play(wires: Wires) -> None:
        for number in range(5):
            wires.submit(f"{number}", Priority.ENTRY)
        assert wires.sent == ["0", "1", "2", "3", "4"]

    run(play)


def test_cancels_go_before_exits_before_questions_before_entries_before_upkeep_and_the_eldest_first() -> None:
    def play(wires: Wires) -> None:
        wires.ban()
        for number, priority in enumerate([*reversed(Priority), *reversed(Priority)]):
            wires.submit(f"{priority.name} {number}", priority)
        assert wires.sent == []
        wires.unban()
        assert wires.sent == [
            "CANCEL 4",
            "CANCEL 9",
            "EXIT 3",
            "EXIT 8",
            "QUESTION 2",
            "QUESTION 7",
            "ENTRY 1",
            "ENTRY 6",
            "UPKEEP 0",
            "UPKEEP 5",
        ]

    run(play)


def test_a_full_room_turns_away_the_latest_entry_and_never_a_cancel() -> None:
    def play(wires: Wires) -> None:
        wires.ban()
        for number in range(WAITING_MAX):
            wires.submit(f"{number}", Priority.QUESTION)
        wires.submit("an entry", Priority.ENTRY)
        wires.submit("a cancel", Priority.CANCEL)
        assert [name for name, _ in wires.told] == ["an entry", f"{WAITING_MAX - 1}"]
        assert all(isinstance(signal, NotSent) and signal.retry_after_s > 30 for _, signal in wires.told)
        wires.unban()
        assert wires.sent[0] == "a cancel"

    run(play)


def test_what_has_waited_too_long_is_told_so() -> None:
    async def main() -> None:
        wires = Wires()
        wires.ban()
        told = asyncio.Event()
        request = Request("GET", "x", (), lambda _: told.set(), cost=Cost(1), priority=Priority.EXIT, within_s=0.02)
        wires.sender.submit(request)
        async with asyncio.timeout(10):
            await told.wait()
        assert wires.sent == []
        await wires.rest.close()

    asyncio.run(main())


def test_an_order_may_be_withdrawn_while_it_waits() -> None:
    def play(wires: Wires) -> None:
        wires.submit("gone", Priority.EXIT)
        assert not wires.sender.withdraw("gone")
        wires.ban()
        wires.submit("a", Priority.EXIT)
        wires.submit("b", Priority.EXIT)
        assert wires.sender.withdraw("a")
        assert not wires.sender.withdraw("a")
        wires.unban()
        assert wires.sent == ["gone", "b"]
        assert wires.told == []

    run(play)


@pytest.mark.parametrize("stop", [Banned, OrderLimit])
def test_what_stops_requests_longest_is_the_reason_that_is_told(stop: type[Banned | OrderLimit]) -> None:
    def play(wires: Wires) -> None:
        for reason, for_s in [("first", 60), ("longer", 600), ("shorter", 5)]:
            wires.sender.noted(stop(reason, for_s))
        assert [trouble.reason for trouble in wires.troubles] == ["first", "longer"]

    run(play)


def test_an_answer_that_crosses_the_end_of_a_window_leaves_the_next_one_free() -> None:
    clock = VirtualClock((60_000 - 50) * NS_PER_MS)

    def play(wires: Wires) -> None:
        wires.submit("before", Priority.EXIT)
        clock.advance_to((60_000 + 300) * NS_PER_MS)
        wires.submit("after", Priority.EXIT)
        answer = Answer(status=200)
        wires.answers[0](answer, [RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 100, 100)])
        wires.submit("goes on", Priority.EXIT)
        assert wires.sent == ["before", "after", "goes on"]
        wires.answers[1](answer, [RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 100, 100)])
        wires.submit("waits", Priority.EXIT)
        assert wires.sent == ["before", "after", "goes on"]

    run(play, clock)
