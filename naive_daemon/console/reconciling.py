"""The console's part in a reconciliation: finds the account's execution manager, asks it, and shows what it found."""

from naive_daemon import names
from naive_daemon.console.protocol import RECONCILE_TIMEOUT_S, DifferenceShown, Reconciled, Refused
from naive_daemon.execution.reconciliation import Reconcile, ReconciliationReport
from naive_daemon.otp import ActorDiedError, ActorSystem


def reconcile(system: ActorSystem, account: str | None, timeout_s: float = RECONCILE_TIMEOUT_S) -> Reconciled | Refused:
    """Have journal and exchange compared now; without `account` for the one account that the daemon trades."""
    traded = _accounts(system)
    if account is None and len(traded) == 1:
        (account,) = traded
    if account not in traded:
        told = "the daemon trades no account yet" if not traded else "name one of the daemon's accounts"
        message = told if account is None else f"the daemon does not trade account {account}"
        return Refused("unknown account", message, traded)
    try:
        report = system.ask(names.execution_manager(account), Reconcile(), timeout_s)
    except TimeoutError:
        return Refused("not reconciled", f"account {account}: the exchange has not told all within {timeout_s:g} s")
    except ActorDiedError as error:
        return Refused("not reconciled", f"account {account} could not be compared: {error}")
    return _shown(report)


def _accounts(system: ActorSystem) -> tuple[str, ...]:
    """Name the accounts that have an execution manager now."""
    pairs = [name for name in system.registry.names() if isinstance(name, tuple) and len(name) == 2]  # noqa: PLR2004 - a pair
    return tuple(str(pair[1]) for pair in pairs if pair == names.execution_manager(str(pair[1])))


def _shown(report: ReconciliationReport) -> Reconciled:
    differences = tuple(
        DifferenceShown(
            kind=one.kind,
            symbol=one.symbol,
            order=one.client_order_id,
            journal=one.journal,
            exchange=one.exchange,
        )
        for one in report.differences
    )
    return Reconciled(
        account=report.account,
        differences=differences,
        live_here=report.live_here,
        live_there=report.live_there,
        foreign=report.foreign,
        orphans=report.orphans,
    )
