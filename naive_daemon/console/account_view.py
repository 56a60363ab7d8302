"""The console's part in showing an account: finds the account's actor and asks it what it has."""

from naive_daemon import names
from naive_daemon.account.account import AccountQuery
from naive_daemon.console.account_choice import chosen_account
from naive_daemon.console.protocol import AccountShown, Refused
from naive_daemon.otp import ActorDiedError, ActorSystem

TIMEOUT_S = 5.0
"""An account waits for last prices for a second, and may have other things to do before."""


def show_account(system: ActorSystem, account: str | None, timeout_s: float = TIMEOUT_S) -> AccountShown | Refused:
    """Ask an account what it has; without `account` the one account that the daemon trades."""
    chosen = chosen_account(system, account)
    if isinstance(chosen, Refused):
        return chosen
    try:
        return AccountShown(system.ask(names.account(chosen), AccountQuery(), timeout_s))
    except TimeoutError:
        return Refused("account silent", f"account {chosen} does not answer within {timeout_s:g} s")
    except ActorDiedError as error:
        return Refused("account silent", f"account {chosen} can not be asked: {error}")
