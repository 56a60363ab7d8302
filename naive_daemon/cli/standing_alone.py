"""How things stand while the database is away: by the running daemon's own word, which is less than is usual."""

from collections.abc import Sequence

from naive_daemon.cli.standing import CONDITION_MORE_S, DaemonStanding, Standing, SymbolStanding
from naive_daemon.condition import degradations, warnings_of
from naive_daemon.console.client import ConsoleClient, ConsoleRefusedError
from naive_daemon.console.protocol import AskCondition, ConditionShown
from naive_daemon.domain.errors import UnreachableError
from naive_daemon.trading.symbol_record import SymbolView


def read_alone(
    configured: str,
    account: str | None,
    symbols: Sequence[str],
    *,
    everything: bool,
    console: ConsoleClient,
    refused: str | None = None,
) -> Standing | None:
    """Ask the home's daemon; None unless it trades the account that is meant and its database is away.

    Without `account`, all that it trades, also where the configured one has no symbol. `refused` says why the
    database lets us not in: it may do so while the daemon's own connections still work. `symbols` and `everything` as
    in `read_standing`.
    """
    try:
        shown = console.ask(AskCondition(), ConditionShown, CONDITION_MORE_S)
    except (UnreachableError, ConsoleRefusedError):
        return None
    is_ours = not shown.symbols or any(account in (None, view.account) for view in shown.symbols)
    is_away = shown.journal is not None and shown.journal.away is not None
    if not is_ours or not (is_away or refused):
        return None
    views = [view for view in shown.symbols if account in (None, view.account)]
    daemon = DaemonStanding(
        account=account or configured,
        running=True,
        pid=shown.pid,
        degraded=(*(() if is_away else (str(refused),)), *degradations(shown.journal, shown.cache)),
        warnings=warnings_of(shown.cache),
    )
    rows = [_row(view) for view in views if _is_shown(view, symbols, everything=everything)]
    return Standing(daemon, None, [], rows)


def _is_shown(view: SymbolView, symbols: Sequence[str], *, everything: bool) -> bool:
    return view.symbol in symbols if symbols else everything or view.state != "off" or view.held is not None


def _row(view: SymbolView) -> SymbolStanding:
    return SymbolStanding(
        account=view.account,
        symbol=view.symbol,
        desired=None,
        actual=view.state,
        traders=view.traders,
        open_orders=None,
        cycles=view.completed,
        realised_pnl=view.realised_pnl,
        restarts=view.restarts,
        held=view.held,
        last_error=view.last_error,
    )
