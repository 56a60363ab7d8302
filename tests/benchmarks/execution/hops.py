"""Stamps of one order's way through the daemon: taken by wrapping the methods that it passes, as they are.

A stamp costs less than a microsecond. One order is on its way at a time, so a stamp needs no name of the order.
"""

import time
from asyncio import selector_events
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import aiohttp
from aiohttp import client_proto

from naive_daemon.domain.events import Trade
from naive_daemon.exchange.binance.client import BinanceClient
from naive_daemon.exchange.binance.market import BinanceMarket
from naive_daemon.exchange.binance.session import Session
from naive_daemon.execution.client import SendOrder
from naive_daemon.execution.journal import Journal
from naive_daemon.execution.journal_messages import OpenOrder, PlaceIntent
from naive_daemon.execution.manager import ExecutionManager
from naive_daemon.market.feed import DeliverTrade, Feed
from naive_daemon.trading.trader import Trader

HOPS = (
    "bytes of the trade read from the socket",
    "trade decoded, the feed told",
    "feed looks who waits",
    "trader decides",
    "journal takes the intent",
    "intent durable",
    "execution manager takes the order",
    "client takes the order",
    "connection's loop takes the order",
    "bytes of the order handed to the socket",
)
"""The stamps in their order: each step of the way is what lies between two of them."""


_Transport = selector_events._SelectorSocketTransport  # type: ignore[attr-defined] # asyncio names no other


class Hops:
    """The stamps of the order that is on its way; `on_message` is told what each actor below receives."""

    def __init__(self, on_message: Callable[[Any], None]) -> None:
        self.stamps_ns: dict[int, int] = {}
        self._on_message = on_message
        self._is_order = False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take stamps within the context."""
        with ExitStack() as stack:
            for patch in self._patches():
                stack.enter_context(patch)
            yield

    def stamp(self, hop: int) -> None:
        """Note that the order is there, if it was not before."""
        self.stamps_ns.setdefault(hop, time.perf_counter_ns())

    def _patches(self) -> Iterator[Any]:
        yield _before(client_proto.ResponseHandler, "data_received", self._take_bytes)
        yield _before(BinanceMarket, "on_trade", self._take(1))
        yield _before(Feed, "on_receive", self._take_feed)
        yield _before(Trader, "on_receive", self._take(3, Trade))
        yield _before(Journal, "on_batch", self._take_batch)
        yield _before(Journal, "_pass_on", self._take(5, PlaceIntent))
        yield _before(ExecutionManager, "on_receive", self._take_manager)
        yield _before(BinanceClient, "on_receive", self._take(7, SendOrder))
        yield _before(Session, "place", self._take(8))
        yield _before(aiohttp.ClientWebSocketResponse, "send_frame", self._take_frame)
        yield _before(_Transport, "write", self._take_write)

    def _take(self, hop: int, kind: type = object) -> Callable[[Any], None]:
        """Make what stamps the hop when it is shown something of a kind."""

        def take(message: Any) -> None:
            if isinstance(message, kind):
                self.stamp(hop)

        return take

    def _take_bytes(self, data: bytes) -> None:
        if b'"trade"' in data:
            self.stamp(0)

    def _take_feed(self, message: Any) -> None:
        if isinstance(message, DeliverTrade):
            self.stamp(2)
        self._on_message(message)

    def _take_batch(self, messages: list[Any]) -> None:
        if any(isinstance(message, PlaceIntent) for message in messages):
            self.stamp(4)

    def _take_manager(self, message: Any) -> None:
        if isinstance(message, OpenOrder):
            self.stamp(6)
        self._on_message(message)

    def _take_frame(self, data: bytes) -> None:
        self._is_order = b'"order.place"' in data

    def _take_write(self, _: bytes) -> None:
        """Take the frame that has just been made of an order: it is masked, so nobody can read in it whose it is."""
        if self._is_order and 8 in self.stamps_ns:
            self.stamp(9)


def _before(owner: type, name: str, take: Callable[[Any], object]) -> Any:
    """Wrap a method of one argument, so that `take` sees it first."""
    method = getattr(owner, name)

    def wrapped(self: Any, argument: Any, *others: Any) -> Any:
        take(argument)
        return method(self, argument, *others)

    return mock.patch.object(owner, name, wrapped)
