"""The daemon's accounts at Binance: each is checked once before it is traded, and then has a gateway for its client.

Owned by the world, which outlives the actors. All accounts share a few loops, and what Binance counts by address. Each
opening waits until there is weight for a whole start, so that many accounts that are opened at once come up one after
the other, and keep no order waiting. Invariants: no two incarnations' gateways of an account send or tell at
the same time, also when the former client was killed and could close nothing; no two accounts have the same key.
"""

import random
import threading
from collections.abc import Callable, MutableMapping
from decimal import Decimal

import msgspec

from naive_daemon.clock import Clock
from naive_daemon.config.credentials import Credentials, configured_credentials, same_key
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.errors import ConfigError, TransientError, UnreachableError
from naive_daemon.domain.instrument import Instrument
from naive_daemon.exchange.binance.address import Address
from naive_daemon.exchange.binance.budget import Priority
from naive_daemon.exchange.binance.client import BinanceClient
from naive_daemon.exchange.binance.gateway import Gateway, open_gateway
from naive_daemon.exchange.binance.loop_pool import LoopPool
from naive_daemon.exchange.binance.permission import CHECK_WEIGHT, check_account
from naive_daemon.exchange.binance.questions import SNAPSHOT_WEIGHT
from naive_daemon.exchange.binance.signing import Signer, load_signer, signer_of

CONNECT_WEIGHT = 4
"""To open a connection and to subscribe on it."""
START_WEIGHT = CHECK_WEIGHT + CONNECT_WEIGHT + SNAPSHOT_WEIGHT
WAIT_MAX_S = 150.0
"""How long an opening waits for its turn: two whole windows of the limit, and more."""
LOOK_S = 1.0
"""How often somebody who waits looks whether it shall end."""


class OpenedLive(msgspec.Struct, frozen=True, kw_only=True):
    """An account that may be traded. `maker_fee`: a ratio, None when Binance does not say; `warnings` are to be said.

    `make_client` is called at each start of the account's client.
    """

    maker_fee: Decimal | None
    make_client: Callable[[], BinanceClient]
    warnings: tuple[str, ...]


class _Account:
    """One account's key, and the gateway that was opened last."""

    def __init__(self, signer: Signer, credentials: Credentials | None) -> None:
        self.signer = signer
        self.credentials = credentials
        self.gateway: Gateway | None = None


class LiveAccounts:
    """`open` and `close` for each account, `end` once. Every method may be called from any thread."""

    def __init__(
        self, config: Binance, instruments: MutableMapping[str, Instrument], clock: Clock, generator: random.Random
    ) -> None:
        self._config = config
        self._instruments = instruments
        self._clock = clock
        self._generator = generator
        self._lock = threading.Lock()
        self._accounts: dict[str, _Account] = {}
        self._ending = threading.Event()
        self._pool = LoopPool()
        self.address = Address(clock)

    def open(
        self,
        account: str,
        credentials: Credentials | None,
        shall_end: Callable[[], bool] = lambda: False,
        where: str | None = None,
    ) -> OpenedLive:
        """Find out whether the account may be traded, with the configured key when none is given; waits for Binance.

        `where` says in words where the credentials stand, for whoever has to mend them.
        Raises ConfigError for a key that is wrong, may not trade, or is another account's; UnreachableError when there
        is no answer; TransientError when it `shall_end` before its turn has come.
        """
        if credentials is None:
            signer, credentials = load_signer(self._config), configured_credentials(self._config)
        else:
            signer = signer_of(credentials, where or f"the credentials of account {account}")
        self._enter(account, _Account(signer, credentials))
        try:
            self._await_turn(account, shall_end)
            checked = check_account(self._config, self._clock, signer, self.address)
            self._pay_check(account)
        except BaseException:
            self.close(account)
            raise
        return OpenedLive(
            maker_fee=checked.maker_fee,
            make_client=lambda: BinanceClient(account, lambda: self._open_gateway(account)),
            warnings=checked.warnings,
        )

    def close(self, account: str) -> None:
        """Let go of an account: its gateway tells and sends nothing any more."""
        with self._lock:
            closed = self._accounts.pop(account, None)
            self.address.weight.leave(account)
        if closed is not None and closed.gateway is not None:
            closed.gateway.end_soon()

    def end(self) -> None:
        """End every gateway, and wait for what they live on; nobody waits for a turn any more."""
        self._ending.set()
        with self._lock:
            accounts, self._accounts = list(self._accounts.values()), {}
        gateways = [account.gateway for account in accounts if account.gateway is not None]
        for gateway in gateways:
            gateway.end_soon()
        self._pool.end()

    def _await_turn(self, account: str, shall_end: Callable[[], bool]) -> None:
        """Wait until there is weight for a whole start, and keep it for this account."""
        weight, time = self.address.weight, self.address.time
        until_s = self._clock.monotonic_s() + WAIT_MAX_S
        while not weight.reserve(account, START_WEIGHT, Priority.QUESTION, now_ms := time.now_ms()):
            if shall_end() or self._ending.is_set():
                raise TransientError(f"account {account} was not opened: no turn had come when it should end")
            if now_ms < weight.banned_until_ms():
                raise UnreachableError(
                    f"Binance has banned this address: {weight.ban_reason}", hint="it is tried again after the ban"
                )
            if self._clock.monotonic_s() >= until_s:
                raise UnreachableError(
                    f"what Binance allows this address to ask was used up for {WAIT_MAX_S:g} s",
                    hint="see that nobody else asks from here, or trade fewer accounts",
                )
            chance_ms = weight.next_chance_ms(account, START_WEIGHT, Priority.QUESTION, now_ms)
            self._ending.wait(min(LOOK_S, (chance_ms - now_ms) / 1_000))

    def _pay_check(self, account: str) -> None:
        """Take what the check has cost out of what was kept."""
        now_ms = self.address.time.now_ms()
        if self.address.weight.take(account, CHECK_WEIGHT, Priority.QUESTION, now_ms):
            self.address.weight.settle(CHECK_WEIGHT, now_ms, now_ms)

    def _enter(self, name: str, account: _Account) -> None:
        """Note who has the key, before it is used."""
        with self._lock:
            for other, known in self._accounts.items():
                if other != name and _have_same_key(known, account):
                    raise ConfigError(
                        f"account {name} has the same API key as account {other}",
                        hint="give each account a key of its own: both would trade the same money",
                    )
            former = self._accounts.get(name)
            self._accounts[name] = account
            self.address.weight.join(name)
        if former is not None and former.gateway is not None:
            former.gateway.end_soon()

    def _open_gateway(self, name: str) -> Gateway:
        with self._lock:
            account = self._accounts.get(name)
        if account is None:
            raise RuntimeError(f"account {name} was closed")
        gateway = open_gateway(
            name,
            self._config,
            self._instruments,
            self._clock,
            self._generator,
            signer=account.signer,
            address=self.address,
            pool=self._pool,
        )
        with self._lock:
            is_open = self._accounts.get(name) is account
            former, account.gateway = account.gateway, gateway
        if former is not None:
            former.end_soon()
        if not is_open:  # a killed client went on in its thread: nobody else would end what it has made
            gateway.end_soon()
            raise RuntimeError(f"account {name} was closed")
        return gateway


def _have_same_key(one: _Account, other: _Account) -> bool:
    return (
        one.credentials is not None and other.credentials is not None and same_key(one.credentials, other.credentials)
    )
