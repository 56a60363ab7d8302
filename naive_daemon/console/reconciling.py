"""The console's part in a reconciliation: finds the account's execution manager, asks it, and shows what it found."""

from naive_daemon import names
from naive_daemon.console.account_choice import chosen_account
from naive_daemon.console.protocol import RECONCILE_TIMEOUT_S, DifferenceShown, Reconciled, Refused
from naive_daemon.execution.reconciliation import Reconcile, ReconciliationReport
from naive_daemon.otp import ActorDiedError, ActorSystem


def reconcile(system: ActorSystem, account: str | None, timeout_s: float = RECONCILE_TIMEOUT_S) -> Reconciled | Refused:
    """Have journal and exchange compared now; without `account` for the one account that the daemon trades."""
    chosen = chosen_account(system, account)
    if isinstance(chosen, Refused):
        return chosen
    try:
        report = system.ask(names.execution_manager(chosen), Reconcile(), timeout_s)
    except TimeoutError:
        return Refused("not reconciled", f"account {chosen}: the exchange has not told all within {timeout_s:g} s")
    except ActorDiedError as error:
        return Refused("not reconciled", f"account {chosen} could not be compared: {error}")
    return _shown(report)


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
