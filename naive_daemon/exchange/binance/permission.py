"""What is checked before an account is traded: that Binance is there, that the key is good, and what the key may do.

Called before an account is traded, by whoever opens it. Invariant: it ends within its deadline, and says what
is wrong in one line that names what to mend.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal

import msgspec

from naive_daemon.clock import Clock
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.errors import ConfigError, UnreachableError
from naive_daemon.exchange.binance.address import Address
from naive_daemon.exchange.binance.endpoints import account_endpoints, address
from naive_daemon.exchange.binance.exchange_time import ExchangeTime
from naive_daemon.exchange.binance.rest import Rest, RestAnswer
from naive_daemon.exchange.binance.signal import (
    Accepted,
    Answer,
    BadCredentials,
    ClockOff,
    Lost,
    NotFound,
    Refused,
    Signal,
    signal_of,
)
from naive_daemon.exchange.binance.signing import CONFIGURED, Signer, load_signer
from naive_daemon.exchange.binance.wire import (
    AccountInformation,
    KeyRestrictions,
    ServerTime,
    WireError,
    decode,
    fee,
)

DEADLINE_S = 20.0
CHECK_WEIGHT = 21
"""What it costs: the time and the account; what a key may do is counted apart (SAPI)."""
TIME_AGE_MAX_S = 60.0


class AccountCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `maker_fee`, `taker_fee`: ratios, as the account pays them; None when it does not say.

    `warnings` are to be said at start. `clock_ahead_ms`: by how much our clock is ahead of the exchange's.
    """

    maker_fee: Decimal | None
    taker_fee: Decimal | None
    clock_ahead_ms: int
    warnings: tuple[str, ...]


def check_account(
    config: Binance, clock: Clock, signer: Signer | None = None, address: Address | None = None
) -> AccountCheck:
    """Look whether an account can be traded, the configured one unless a signer is given.

    `address` is what it shares with other accounts: it has the exchange's time, and is told of a ban. For a thread that
    may wait: `DEADLINE_S` at most. Raises ConfigError for a key that is missing, wrong or may not trade,
    UnreachableError when there is no answer.
    """
    endpoints, signer = account_endpoints(config), signer or load_signer(config)
    shared = address or Address(clock)
    time = shared.time

    async def check() -> AccountCheck:
        rest = Rest(
            endpoints.rest_url,
            signer,
            time,
            recv_window_ms=config.recv_window_ms,
            timeout_s=min(config.answer_timeout_s, DEADLINE_S / 4),
        )
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await _check(rest, shared, config, signer.where)
        except TimeoutError:
            raise _unreachable(endpoints.rest_url, f"no answer within {DEADLINE_S:g} s") from None
        finally:
            await rest.close()

    return asyncio.run(check())


async def _check(rest: Rest, shared: Address, config: Binance, where: str) -> AccountCheck:
    url, time = account_endpoints(config).rest_url, shared.time

    since_s = time.monotonic_s() - TIME_AGE_MAX_S
    ahead_ms = await shared.ahead_ms.get(lambda: measure(rest, time, url, shared.heed), since_s)
    information = await _account(rest, time, url, shared.heed, where)
    if not information.can_trade:
        raise ConfigError("Binance says that this account may not trade", hint="ask Binance's support why")
    warnings = await _warnings(rest, time)
    if abs(ahead_ms) > config.clock_drift_max_ms:
        warnings.append(
            f"our clock is {abs(ahead_ms)} ms {'ahead of' if ahead_ms > 0 else 'behind'} Binance's: "
            "entries wait until it is right"
        )
    rates = information.commission_rates
    return AccountCheck(
        maker_fee=fee(rates.maker) if rates is not None else None,
        taker_fee=fee(rates.taker) if rates is not None else None,
        clock_ahead_ms=ahead_ms,
        warnings=tuple(warnings),
    )


async def measure(rest: Rest, time: ExchangeTime, url: str, heed: Callable[[Signal], None]) -> int:
    """Measure by how many ms our clock is ahead, so that what is signed from now on has the exchange's time."""
    asked_s = time.monotonic_s()
    result = await rest.ask("GET", "/api/v3/time", is_signed=False)
    answered_s = time.monotonic_s()
    try:
        server_ms = decode(body_of(result, time, url, heed), ServerTime).server_time
    except WireError:
        raise _unreachable(url, "what answers there is no Binance") from None
    return time.measured(server_ms, asked_s, answered_s)


async def _account(
    rest: Rest, time: ExchangeTime, url: str, heed: Callable[[Signal], None], where: str
) -> AccountInformation:
    result = await rest.ask("GET", "/api/v3/account", (("omitZeroBalances", "true"),))
    try:
        return decode(body_of(result, time, url, heed, where), AccountInformation)
    except WireError as error:
        raise _unreachable(url, f"its account makes no sense: {error}") from None


def body_of(
    result: RestAnswer,
    time: ExchangeTime,
    url: str,
    heed: Callable[[Signal], None],
    where: str = CONFIGURED,
) -> bytes:
    """Give the body of an answer that is one, and show it to `heed`; raises ConfigError or UnreachableError.

    `where` the key stands says who has to mend it.
    """
    if isinstance(result.answer, Lost):
        raise _unreachable(url, result.reason)
    signal = signal_of(result.answer, time.now_ms())
    heed(signal)
    match signal:
        case Accepted(body):
            return body
        case BadCredentials(reason):
            hint = f"check {where}, which network they are of, and the key's IP list"
            raise ConfigError(f"Binance refuses the API key: {reason}", hint=hint)
        case ClockOff(reason):
            # No mistake of configuration, after which nobody would start it again: clocks are set, also Binance's.
            raise UnreachableError(
                f"Binance at {address(url)} refuses our time: {reason}", hint="set this machine's clock (NTP)"
            )
        case Refused(_, reason) | NotFound(reason):
            raise _unreachable(url, f"what answers there refuses: {reason}")
        case other:
            raise _unreachable(url, _told(other))


async def _warnings(rest: Rest, time: ExchangeTime) -> list[str]:
    """Ask what the key may do beside trading; networks that do not say give no warning."""
    result = await rest.ask("GET", "/sapi/v1/account/apiRestrictions")
    if not isinstance(result.answer, Answer):
        return []
    signal = signal_of(result.answer, time.now_ms())
    if not isinstance(signal, Accepted):
        return []
    try:
        restrictions = decode(signal.body, KeyRestrictions)
    except WireError:
        return []
    if not restrictions.enable_spot_and_margin_trading:
        raise ConfigError("the API key may not trade", hint="enable spot trading for it in Binance's API management")
    warnings = []
    if restrictions.enable_withdrawals:
        warnings.append("the API key may withdraw: take that right from it, trading needs none")
    if not restrictions.ip_restrict:
        warnings.append("the API key may be used from any address: restrict it to this machine's")
    return warnings


def _unreachable(url: str, reason: str) -> UnreachableError:
    return UnreachableError(
        f"Binance at {address(url)} can not be reached: {reason}",
        hint="check the network, and exchange.binance.network or rest_url",
    )


def _told(signal: Signal) -> str:
    return str(getattr(signal, "reason", type(signal).__name__))
