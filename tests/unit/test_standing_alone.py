"""What status tells while the database is away: by the word of the home's daemon."""

import sys
from decimal import Decimal
from pathlib import Path

import pytest

from naive_daemon.cli import boundary, cli
from naive_daemon.cli import status as status_module
from naive_daemon.cli.standing import Standing
from naive_daemon.cli.standing_alone import read_alone
from naive_daemon.console.client import ConsoleClient, Expected
from naive_daemon.console.protocol import ConditionShown, Request
from naive_daemon.execution.messages import JournalHealth
from naive_daemon.trading.symbol_record import SymbolView


class ConsoleOfSecond(ConsoleClient):
    """Answers for a daemon that trades one symbol, of an account beside the configured one, without its database."""

    def __init__(self, *_: object) -> None:
        super().__init__(Path(), lambda: 0.0)

    def ask(self, request: Request, expected: type[Expected], more_s: float = 0.0) -> Expected:
        view = SymbolView(
            account="second", symbol="BTCUSDT", state="on", traders=1, completed=0, realised_pnl=Decimal(0), restarts=0,
            last_error=None,
        )  # fmt: skip
        shown = ConditionShown(pid=1, journal=JournalHealth(away="it ended"), cache=None, symbols=(view,))
        assert isinstance(shown, expected)
        return shown


def told(account: str | None) -> Standing | None:
    return read_alone("main", account, [], everything=False, console=ConsoleOfSecond())


def test_without_an_account_the_daemon_of_the_home_is_meant_though_the_configured_account_has_no_symbol() -> None:
    standing = told(None)
    assert standing is not None
    assert standing.daemon.running
    assert [(row.account, row.symbol) for row in standing.symbols] == [("second", "BTCUSDT")]


def test_an_account_that_the_daemon_of_the_home_does_not_trade_is_not_told_by_it() -> None:
    assert told("second") is not None
    assert told("third") is None


@pytest.mark.parametrize(("words", "shows_account"), [((), True), (("--account", "second"), False)])
def test_a_symbol_of_another_account_than_the_one_above_the_table_is_told_with_its_account(
    words: tuple[str, ...],
    shows_account: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setenv("NAIVE_HOME", str(tmp_path))
    monkeypatch.setattr(status_module, "ConsoleClient", ConsoleOfSecond)
    assert boundary.run(cli, ("status", *words)) == 0
    above, *_, header, _, row = capsys.readouterr().out.splitlines()
    assert above.startswith(f"account {'main' if shows_account else 'second'}: the daemon is running")
    assert header.startswith("account") == shows_account
    assert row.startswith("second") == shows_account
