"""What belongs to one connection of the WebSocket API: who has logged on, and the accounts that it hears.

Owned by the server's thread.
"""

from typing import Any

from naive_daemon.clock import NS_PER_MS
from naive_daemon.exchange.server.accounts import ApiKey
from naive_daemon.exchange.server.channel import Channel
from naive_daemon.exchange.server.exchange import Exchange
from naive_daemon.exchange.server.gate import Gate, Incoming
from naive_daemon.exchange.server.refusal import RefusedError
from naive_daemon.exchange.server.user_streams import Subscription

SESSION_OPERATIONS = frozenset(
    {
        "session.logon",
        "session.status",
        "session.logout",
        "session.subscriptions",
        "userDataStream.subscribe",
        "userDataStream.subscribe.signature",
        "userDataStream.unsubscribe",
    }
)
_WEIGHT = 2


class Session:
    """See the module. Times are in units of `unit_ns` nanoseconds."""

    def __init__(self, exchange: Exchange, gate: Gate, channel: Channel, unit_ns: int) -> None:
        self._exchange = exchange
        self._gate = gate
        self._channel = channel
        self.unit_ns = unit_ns
        self.key: ApiKey | None = None
        self._since_ms = 0
        self._connected_ms = exchange.clock.now_ns() // NS_PER_MS
        self._subscriptions: dict[int, Subscription] = {}
        self._of_logon: set[int] = set()
        self._next_number = 0

    def answer(self, method: str, incoming: Incoming) -> Any:
        """Answer one of SESSION_OPERATIONS; raises RefusedError."""
        self._exchange.limiter.take_weight(incoming.address, _WEIGHT)
        match method:
            case "session.logon":
                return self._logon(incoming)
            case "session.logout":
                return self._logout()
            case "session.status":
                return self._status()
            case "session.subscriptions":
                return [{"subscriptionId": number} for number in self._live()]
            case "userDataStream.subscribe":
                subscribed = self._subscribe(self._logged_on())
                self._of_logon.add(subscribed["subscriptionId"])
                return subscribed
            case "userDataStream.subscribe.signature":
                return self._subscribe(self._gate.signer(incoming._replace(session=None)))
        return self._unsubscribe(incoming)

    def end(self) -> None:
        """End every subscription: the connection is gone."""
        for subscription in self._subscriptions.values():
            self._exchange.users.unsubscribe(subscription)
        self._subscriptions.clear()

    def _logon(self, incoming: Incoming) -> dict[str, Any]:
        key = self._gate.key(incoming.api_key)
        if not key.signing.is_ed25519:
            raise RefusedError(-4056, "HMAC_SHA256 API key is not supported.")
        self.key = self._gate.signer(incoming._replace(session=None))
        self._since_ms = self._exchange.clock.now_ns() // NS_PER_MS
        return self._status()

    def _logout(self) -> dict[str, Any]:
        """Forget who has logged on, and end what he has subscribed to; what was signed for by itself goes on."""
        live = self._live()
        for number in self._of_logon & live.keys():
            self._exchange.users.unsubscribe(live.pop(number))
        self._of_logon.clear()
        self.key = None
        return self._status()

    def _status(self) -> dict[str, Any]:
        return {
            "apiKey": self.key.record.api_key if self.key is not None else None,
            "authorizedSince": self._since_ms if self.key is not None else None,
            "connectedSince": self._connected_ms,
            "returnRateLimits": True,
            "serverTime": self._exchange.clock.now_ns() // self.unit_ns,
            "userDataStream": bool(self._live()),
        }

    def _logged_on(self) -> ApiKey:
        if self.key is None or self.key.is_revoked:
            raise RefusedError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        return self.key

    def _live(self) -> dict[int, Subscription]:
        """Give the subscriptions that have not been ended by the exchange."""
        live = set(self._exchange.users.of(self._channel))
        self._subscriptions = {number: one for number, one in self._subscriptions.items() if one in live}
        return self._subscriptions

    def _subscribe(self, key: ApiKey) -> dict[str, Any]:
        number = self._next_number
        subscription = self._exchange.users.subscribe(self._channel, number, key, self.unit_ns)
        self._next_number += 1
        self._subscriptions[number] = subscription
        return {"subscriptionId": number}

    def _unsubscribe(self, incoming: Incoming) -> dict[str, Any]:
        wanted = incoming.parameters.integer("subscriptionId")
        live = self._live()
        if wanted is not None and wanted not in live:
            raise RefusedError(-2036, "Invalid subscription ID.")
        for number in [wanted] if wanted is not None else list(live):
            self._exchange.users.unsubscribe(live.pop(number))
        return {}
