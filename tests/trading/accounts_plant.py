"""A plant with accounts that come and go, and an opener that refuses or keeps waiting whom a test says."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from naive_daemon import names
from naive_daemon.domain.account import AccountCondition, AccountSettings
from naive_daemon.domain.order import Order
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.trading.account_messages import AskAccounts
from naive_daemon.trading.account_opener import AccountRefused, AtOnce, OpenedAccount, Tell
from tests.trading.plant import FEE, TRADE, Plant
from tests.trading.table import ACCOUNT


class ChoosyOpener(AtOnce):
    """Opens at once, but for those that are `refused`, with the reason, and those that hang: they wait in `waiting`.

    `alive` has what each of those says that it is at work with.
    """

    def __init__(self) -> None:
        super().__init__(OpenedAccount(FEE))
        self.refused: dict[str, str] = {}
        self.hanging: set[str] = set()
        self.waiting: dict[str, Callable[[], None]] = {}
        self.telling: dict[str, Tell] = {}
        self.alive: dict[str, Callable[[], object]] = {}
        self.given_back: list[str] = []
        self.seen: list[AccountSettings] = []
        self.most_waiting = 0

    def open(self, settings: AccountSettings, tell: Tell, is_alive: Callable[[], object]) -> None:
        self.seen.append(settings)
        if settings.name in self.refused:
            tell(AccountRefused(self.refused[settings.name]))
        elif settings.name in self.hanging:
            self.waiting[settings.name] = lambda: super(ChoosyOpener, self).open(settings, tell, is_alive)
            self.telling[settings.name], self.alive[settings.name] = tell, is_alive
            self.most_waiting = max(self.most_waiting, len(self.waiting))
        else:
            super().open(settings, tell, is_alive)

    def is_under_way(self, account: str) -> bool:
        return account in self.waiting

    def close(self, account: str) -> None:
        self.given_back.append(account)
        super().close(account)

    def let_go(self, account: str) -> None:
        """Have a hanging opening come back."""
        self.hanging.discard(account)
        self.waiting.pop(account)()

    def refuse_waiting(self, account: str, reason: str) -> None:
        """Have a hanging opening come back with a refusal; those that follow do not hang."""
        self.hanging.discard(account)
        del self.waiting[account]
        self.telling[account](AccountRefused(reason))


class AccountsPlant(Plant):
    """`others` are the accounts beside the configured one, each trading the plant's symbols."""

    def __init__(self, *symbols: str, others: tuple[str, ...] = ("second", "third"), **ports: Any) -> None:
        self.opener = ChoosyOpener()
        super().__init__(*symbols, is_checked=False, opener=self.opener, **ports)
        self.others = others

    @property
    def accounts(self) -> tuple[str, ...]:
        return (ACCOUNT, *self.others)

    def trade_all(self) -> "AccountsPlant":
        """Start, add the others, and switch every symbol of every account on."""
        self.start()
        for account in self.accounts:
            for symbol in self.symbols:
                self.on_of(account, symbol)
        for account in self.others:
            self.set_account(account)
        return self

    def set_account(self, name: str, *, is_enabled: bool = True, credentials: str | None = None) -> None:
        self.table.set_account(AccountSettings(name=name, is_enabled=is_enabled, credentials=credentials))
        self.settle()

    def on_of(self, account: str, symbol: str, status: TradingStatus = TradingStatus.ON) -> None:
        self.write(account, symbol, status)
        self.settle()

    def write(self, account: str, symbol: str, status: TradingStatus = TradingStatus.ON) -> None:
        """Write a row; nothing is waited for."""
        self.table.set(symbol, status, TRADE, account=account)

    def state_of(self, account: str, symbol: str = "") -> str:
        return self.table.actual[account, symbol or self.symbols[0]].state

    def condition(self, account: str) -> AccountCondition:
        """Give what the desk says, which is what the table has been told."""
        told: tuple[AccountCondition, ...] = self.system.ask(names.ACCOUNT_DESK, AskAccounts())
        (condition,) = [one for one in told if one.account == account]
        assert self.table.conditions[account] == condition
        return condition

    def orders_of(self, account: str) -> list[Order]:
        return [order for order in self.journal.orders() if order.key.account == account]

    def shown_of(self, account: str) -> list[str]:
        return [f"{order.leg} {order.price} {order.status.value}" for order in self.orders_of(account)]

    def resting_of(self, account: str) -> set[str]:
        """Name what rests on the account's exchange."""
        engine = self.actor(names.client(account))._engine
        return {order.client_order_id for order in engine.open_orders(account)}

    def processes_of(self, account: str) -> dict[Any, Any]:
        """Give every process of an account and of its first symbol that runs now."""
        symbol = self.symbols[0]
        wanted = [
            names.account_supervisor(account), names.client(account), names.execution_manager(account),
            names.account(account), names.symbol_supervisor(account, symbol), names.leader(account, symbol),
            names.trader(account, symbol, 1),
        ]  # fmt: skip
        return {name: self.system.whereis(name) for name in wanted}

    def check_books(self, account: str) -> None:
        """See that journal and exchange have the same live orders, and that the account owns what follows from them."""
        live = {order.client_order_id for order in self.orders_of(account) if not order.status.is_terminal}
        assert live == self.resting_of(account)
        engine = self.actor(names.client(account))._engine
        owned = sum((each.free + each.locked for each in engine.balances(account).values()), Decimal())
        assert owned > 0
