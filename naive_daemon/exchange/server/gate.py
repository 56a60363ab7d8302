"""The gate that every request passes: weight, key, clock, signature, permission, order limit; then the operation.

Owned by the server's thread. With faults switched on it is the gate that lets them happen, before and after.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from naive_daemon.clock import NS_PER_MS
from naive_daemon.exchange.server.accounts import ApiKey
from naive_daemon.exchange.server.exchange import Exchange
from naive_daemon.exchange.server.fault import place_of
from naive_daemon.exchange.server.interruption import CutError, SwallowedError
from naive_daemon.exchange.server.operation import Call, Operation, Security
from naive_daemon.exchange.server.parameters import Parameters
from naive_daemon.exchange.server.refusal import (
    AHEAD,
    BAD_API_KEY_FORMAT,
    BAD_RECV_WINDOW,
    INVALID_SIGNATURE,
    INVALID_TIMESTAMP,
    OUTCOME_UNKNOWN,
    OUTSIDE_WINDOW,
    TIMEOUT,
    TOO_MANY_REQUESTS,
    UNAVAILABLE,
    UNKNOWN,
    RefusedError,
    missing,
    rejected_key,
)

_RECV_WINDOW_MS = Decimal(5_000)
_RECV_WINDOW_MAX_MS = 60_000
_AHEAD_MS = 1_000
_MICROSECONDS_FROM = 10**15
_RETRY_AFTER_S = 1.0
_BAN_S = 10.0
_KEY_LENGTH_MAX = 128


class Incoming(NamedTuple):
    """A request as it came. `payload` is what was signed; `session` the key that the connection has logged on with."""

    address: str
    parameters: Parameters
    unit_ns: int
    api_key: str | None = None
    payload: str = ""
    signature: str | None = None
    session: ApiKey | None = None


class Outcome(NamedTuple):
    """What the operation answered, and the orders that count after a placement."""

    result: Any
    orders: tuple[int, int] | None = None


class Gate:
    """See the module."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def pass_now(self, operation: Operation, incoming: Incoming) -> Outcome:
        """Admit and answer a request at once, without faults; raises RefusedError."""
        limiter = self._exchange.limiter
        limiter.take_weight(incoming.address, operation.weight(incoming.parameters))
        key = None
        if operation.security is not Security.NONE:
            key = self.signer(incoming)
            if operation.security is Security.TRADE and not key.may_trade:
                raise rejected_key()
        call = Call(self._exchange, incoming.parameters, incoming.unit_ns, key)
        if not operation.is_placement or key is None:
            return Outcome(operation.answer(call))
        limiter.check_order(key.account.name)
        result = operation.answer(call)
        return Outcome(result, limiter.add_order(key.account.name))

    async def with_faults(
        self, places: tuple[str, ...], address: str, api_key: str | None, answer: Callable[[], Outcome]
    ) -> Outcome:
        """Answer a request as the faults will have it; raises RefusedError, SwallowedError or CutError."""
        faults = self._exchange.faults
        key = None if api_key is None else self._exchange.accounts.key(api_key)
        if key is not None:
            places = (*places, place_of(key.account.name))
        if fault := faults.happens("latency", places):
            await asyncio.sleep(faults.latency_s(fault))
        self._fail_before(places, address)
        outcome = answer()
        if faults.happens("lost-answer", places):
            raise SwallowedError
        if faults.happens("disconnect-after", places):
            raise CutError
        if faults.happens("error-after", places):
            raise RefusedError(TIMEOUT, OUTCOME_UNKNOWN, status=503)
        return outcome

    def signer(self, incoming: Incoming) -> ApiKey:
        """Say whose request it is; raises RefusedError unless it is signed, and now."""
        if incoming.api_key is None and incoming.session is not None:
            self._check_time(incoming.parameters)
            return self._still_valid(incoming.session)
        key = self.key(incoming.api_key)
        if incoming.signature is None:
            raise missing("signature")
        self._check_time(incoming.parameters)
        if not key.signing.has_signed(incoming.payload, incoming.signature):
            raise RefusedError(INVALID_SIGNATURE, "Signature for this request is not valid.")
        return key

    def key(self, api_key: str | None) -> ApiKey:
        """Find a key; raises RefusedError when it is none, or is worth nothing."""
        if not api_key or len(api_key) > _KEY_LENGTH_MAX or not api_key.isalnum():
            raise RefusedError(BAD_API_KEY_FORMAT, "API-key format invalid.", status=401)
        key = self._exchange.accounts.key(api_key)
        if key is None:
            raise rejected_key()
        return key

    @staticmethod
    def _still_valid(key: ApiKey) -> ApiKey:
        if key.is_revoked:
            raise rejected_key()
        return key

    def _check_time(self, parameters: Parameters) -> None:
        sent = parameters.integer("timestamp")
        if sent is None:
            raise missing("timestamp")
        window_ms = parameters.decimal("recvWindow") or _RECV_WINDOW_MS
        if window_ms > _RECV_WINDOW_MAX_MS:
            raise RefusedError(BAD_RECV_WINDOW, "recvWindow must be less than 60000.")
        sent_ms = sent // 1_000 if sent >= _MICROSECONDS_FROM else sent
        now_ms = self._exchange.clock.now_ns() // NS_PER_MS
        if sent_ms > now_ms + _AHEAD_MS:
            raise RefusedError(INVALID_TIMESTAMP, AHEAD)
        if now_ms - sent_ms > window_ms:
            raise RefusedError(INVALID_TIMESTAMP, OUTSIDE_WINDOW)

    def _fail_before(self, places: tuple[str, ...], address: str) -> None:
        happens = self._exchange.faults.happens
        limiter = self._exchange.limiter
        if happens("drop", places):
            raise SwallowedError
        if happens("disconnect", places):
            raise CutError
        if happens("error", places):
            raise RefusedError(UNKNOWN, UNAVAILABLE, status=503)
        if happens("timestamp", places):
            raise RefusedError(INVALID_TIMESTAMP, OUTSIDE_WINDOW)
        if fault := happens("429", places):
            retry_at_ms = self._exchange.clock.now_ns() // NS_PER_MS + int(fault.seconds(_RETRY_AFTER_S) * 1_000)
            raise RefusedError(TOO_MANY_REQUESTS, "Too many requests queued.", status=429, retry_at_ms=retry_at_ms)
        if fault := happens("418", places):
            limiter.ban(address, fault.seconds(_BAN_S))
