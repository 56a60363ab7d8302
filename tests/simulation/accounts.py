"""Accounts that open at once, late, or not: the opener of the simulation."""

from collections.abc import Callable
from decimal import Decimal

from naive_daemon.domain.account import AccountSettings
from naive_daemon.trading.account_opener import AccountRefused, AtOnce, OpenedAccount, Tell
from tests.simulation.agenda import Agenda
from tests.simulation.exchange.exchange import SimulatedExchange
from tests.simulation.life import Life
from tests.simulation.odds import Odds

PLACE = "account.open"
LATE_MAX_S = 90.0
"""Longer than an opening is waited for."""


class SimulatedOpener(AtOnce):
    """Implements AccountOpener. Kinds `refused` (a key that does not work today) and `late answer`.

    An account whose key the exchange has revoked is refused as well.
    """

    def __init__(self, fee: Decimal, odds: Odds, agenda: Agenda, life: Life, exchange: SimulatedExchange) -> None:
        super().__init__(OpenedAccount(fee))
        self._odds = odds
        self._agenda = agenda
        self._life = life
        self._exchange = exchange
        self._under_way: dict[str, object] = {}

    def begin(self) -> None:
        """Abandon what is under way."""
        self._under_way.clear()

    def open(self, settings: AccountSettings, tell: Tell, is_alive: Callable[[], object]) -> None:
        """Tell at once or later, as drawn."""
        self._life.refuse_over()
        is_revoked = settings.name in self._exchange.revoked
        is_refused = self._odds.strikes("refused", PLACE) is not None or is_revoked
        late = self._odds.strikes("late answer", PLACE)
        work = self._under_way[settings.name] = object()

        def answer() -> None:
            if self._life.is_over or self._under_way.get(settings.name) is not work:
                return
            del self._under_way[settings.name]
            if is_refused:
                tell(AccountRefused("the exchange does not take the key"))
            else:
                super(SimulatedOpener, self).open(settings, tell, is_alive)

        if late is None:
            answer()
        else:
            self._agenda.after(late**3 * LATE_MAX_S, answer)

    def close(self, account: str) -> None:
        """Give an account's key back, and end its connection."""
        self._exchange.close_gateway(account)
        super().close(account)

    def is_under_way(self, account: str) -> bool:
        """Say whether an account is being opened."""
        return account in self._under_way
