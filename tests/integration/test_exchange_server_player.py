"""The market of the local exchange, played by itself: in time, paused, faster, and to its end."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from naive_daemon.clock import NS_PER_S
from naive_daemon.domain.events import Trade
from naive_daemon.exchange.server.player import Player
from tests.exchange.served import Place, until
from tests.integration.test_exchange_server_rest import play


class _Source:
    """Trades that are 10 s apart."""

    def __init__(self, count: int, speed: Decimal | None) -> None:
        self._trades = (
            Trade("BTCUSDT", Decimal(60_000 + number), Decimal(1), number, number * 10 * NS_PER_S)
            for number in range(1, count + 1)
        )
        self.speed = speed

    def trades(self, symbol: str) -> Iterator[Trade] | None:
        return self._trades if symbol == "BTCUSDT" else None

    def save(self) -> None:
        pass


def _printed(place: Place) -> list[Decimal]:
    return [trade.price for trade in place.server.exchange.tape["BTCUSDT"].trades][1:]


def test_as_fast_as_possible_and_to_the_end(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        await Player(_Source(500, None), ["BTCUSDT", "ETHUSDT"]).play(place.server.exchange)
        assert _printed(place) == [Decimal(60_000 + number) for number in range(1, 501)]

    play(tmp_path, scenario)


def test_times_are_divided_by_the_speed_and_are_those_of_printing(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        began_ns = place.server.exchange.clock.now_ns()
        # Ten trades in 90 s of the market's time.
        await Player(_Source(10, Decimal(10_000)), ["BTCUSDT"]).play(place.server.exchange)
        assert len(_printed(place)) == 10
        times = [trade.time_ns for trade in place.server.exchange.tape["BTCUSDT"].trades]
        assert times == sorted(times)
        assert times[1] >= began_ns

    play(tmp_path, scenario)


def test_paused_it_prints_only_what_it_is_told_to(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        player = Player(_Source(5, None), ["BTCUSDT"])
        player.pause()
        playing = asyncio.ensure_future(player.play(place.server.exchange))
        assert player.advance(place.server.exchange, "BTCUSDT", 3) == 3
        assert len(_printed(place)) == 3
        assert not playing.done()
        player.resume()
        await playing
        assert len(_printed(place)) == 5
        assert player.advance(place.server.exchange, "BTCUSDT", 3) == 0

    play(tmp_path, scenario)


def test_a_market_at_the_usual_speed_waits_for_its_time(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        player = Player(_Source(5, Decimal(1)), ["BTCUSDT"])
        playing = asyncio.ensure_future(player.play(place.server.exchange))
        await until(lambda: len(_printed(place)) == 1)
        assert not playing.done()
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        # What was not due stays for who plays on.
        assert player.advance(place.server.exchange, "BTCUSDT", 9) == 4

    play(tmp_path, scenario)
