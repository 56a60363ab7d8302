"""Which account is meant: the one that was named, or the only one that the daemon trades."""

from naive_daemon import names
from naive_daemon.console.protocol import Refused
from naive_daemon.otp import ActorSystem


def chosen_account(system: ActorSystem, account: str | None) -> str | Refused:
    """Give the account that is meant; refused, with those that there are, when it can not be told or is not traded."""
    traded = _accounts(system)
    if account is None and len(traded) == 1:
        return traded[0]
    if account is not None and account in traded:
        return account
    told = "the daemon trades no account yet" if not traded else "name one of the daemon's accounts"
    message = told if account is None else f"the daemon does not trade account {account}"
    return Refused("unknown account", message, traded)


def _accounts(system: ActorSystem) -> tuple[str, ...]:
    """Name the accounts that have an execution manager now."""
    pairs = [name for name in system.registry.names() if isinstance(name, tuple) and len(name) == 2]  # noqa: PLR2004 - a pair
    return tuple(str(pair[1]) for pair in pairs if pair == names.execution_manager(str(pair[1])))
