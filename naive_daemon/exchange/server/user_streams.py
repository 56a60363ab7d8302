"""Who listens to which account's events. Owned by the server's thread; each event is encoded once for each unit."""

from typing import Any

import msgspec

from naive_daemon.clock import NS_PER_MS, Clock
from naive_daemon.exchange.server.accounts import ApiKey
from naive_daemon.exchange.server.channel import Channel, frame
from naive_daemon.exchange.server.delivery import USER, Delivery
from naive_daemon.exchange.server.refusal import ALREADY_SUBSCRIBED, RefusedError
from naive_daemon.exchange.server.report import account_position, execution_report
from naive_daemon.exchange.server.venue import Happening, Report


class Subscription(msgspec.Struct, frozen=True, eq=False):
    """A connection's subscription to an account; `number` is its own in the connection."""

    channel: Channel
    number: int
    account: str
    key: ApiKey
    unit_ns: int


class UserStreams:
    """Subscriptions by account."""

    def __init__(self, delivery: Delivery, clock: Clock) -> None:
        self._delivery = delivery
        self._clock = clock
        self._accounts: dict[str, list[Subscription]] = {}
        self._encode = msgspec.json.Encoder().encode

    def subscribe(self, channel: Channel, number: int, key: ApiKey, unit_ns: int) -> Subscription:
        """Let a connection hear an account; raises RefusedError when it does already."""
        account = key.account.name
        subscriptions = self._accounts.setdefault(account, [])
        if any(subscription.channel is channel for subscription in subscriptions):
            raise RefusedError(ALREADY_SUBSCRIBED, "User Data Stream subscription is already active.")
        subscription = Subscription(channel, number, account, key, unit_ns)
        subscriptions.append(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; one that has ended changes nothing."""
        subscriptions = self._accounts.get(subscription.account, [])
        if subscription in subscriptions:
            subscriptions.remove(subscription)

    def of(self, channel: Channel) -> list[Subscription]:
        """Give a connection's subscriptions."""
        return [
            found for subscriptions in self._accounts.values() for found in subscriptions if found.channel is channel
        ]

    def counts(self) -> dict[str, int]:
        """Give how many connections hear each account."""
        return {account: len(subscriptions) for account, subscriptions in self._accounts.items() if subscriptions}

    def publish(self, account: str, happenings: list[Happening]) -> None:
        """Tell who listens what happened to an account, in its order."""
        subscriptions = self._accounts.get(account)
        if not subscriptions:
            return
        for happening in happenings:
            frames: dict[tuple[int, int], bytes] = {}
            for subscription in tuple(subscriptions):
                shape = (subscription.number, subscription.unit_ns)
                data = frames.get(shape)
                if data is None:
                    data = frames[shape] = self._frame(subscription, _event(happening, subscription.unit_ns))
                self._delivery.send(USER, subscription.channel, data)

    def terminate(self, keys: list[ApiKey]) -> None:
        """End the subscriptions of keys that are worth nothing any more, and say so."""
        for subscriptions in self._accounts.values():
            for subscription in [found for found in subscriptions if found.key in keys]:
                subscriptions.remove(subscription)
                self.say_terminated(subscription)

    def say_terminated(self, subscription: Subscription) -> None:
        """Tell a connection that a subscription has ended."""
        event = {"e": "eventStreamTerminated", "E": self._clock.now_ns() // subscription.unit_ns}
        subscription.channel.send(self._frame(subscription, event))

    def _frame(self, subscription: Subscription, event: dict[str, Any]) -> bytes:
        return frame(b'{"subscriptionId":%d,"event":%b}' % (subscription.number, self._encode(event)))


def _event(happening: Happening, unit_ns: int) -> dict[str, Any]:
    if isinstance(happening, Report):
        return execution_report(
            happening.order,
            happening.execution,
            happening.execution_id,
            happening.time_ns,
            unit_ns=unit_ns,
            fill=happening.fill,
        )
    return account_position(happening.balances, happening.time_ns, unit_ns)


UNITS = {"MILLISECOND": NS_PER_MS, "millisecond": NS_PER_MS, "MICROSECOND": 1_000, "microsecond": 1_000}
"""Nanoseconds in a unit of times, by the name that a client gives it."""
