"""`naive-daemon settings list|set`."""

from collections.abc import Sequence
from typing import Any

import click
import msgspec

from naive_daemon.cli.account_choice import account_option, all_accounts_option, chosen_accounts, tell_left_out
from naive_daemon.cli.command import Group, Options, pass_options
from naive_daemon.cli.database import open_engine
from naive_daemon.cli.output import emit, print_table, say
from naive_daemon.cli.symbols import SymbolType, check_settled_or_listed, listed_symbols
from naive_daemon.domain.errors import UsageError
from naive_daemon.domain.settings import SETTING_RULES, SymbolSettings, TradeSettings, TradingStatus
from naive_daemon.storage.postgres.settings import OperatorSettings
from naive_daemon.strategy.settings import mistakes

_TRADE_KEYS = TradeSettings.__struct_fields__
_COLUMNS = (
    "symbol", "status", "chunks>", "budget>", "buy down>", "profit>", "rebuy>", "strategy", "dust",
    "parameters",
)  # fmt: skip


@click.group(cls=Group)
def settings() -> None:
    """Show and change how symbols are traded.

    Example:
      naive-daemon settings list
      naive-daemon settings set BTCUSDT budget=500 profit_interval=0.002

    """


@settings.command("list")
@click.argument("symbols", nargs=-1, type=SymbolType(), metavar="[SYMBOL]...")
@account_option()
@all_accounts_option()
@pass_options
def list_settings(options: Options, *, symbols: tuple[str, ...], account: str | None, all_accounts: bool) -> None:
    """Show the settings of symbols, or of all that have some.

    Budgets are in the quote asset; intervals are ratios (0.01 is 1 %).

    Example:
      naive-daemon settings list BTCUSDT

    """
    config = options.load_config()
    with open_engine(options, config, reads_only=True) as (_, engine):
        accounts = chosen_accounts(engine, config.account, account, all_accounts=all_accounts, disabled_too=True)
        rows = _rows(OperatorSettings(engine), accounts)
    if symbols:
        wanted = check_settled_or_listed(symbols, (row.symbol for row in rows), lambda: listed_symbols(config))
        rows = tuple(row for row in rows if row.symbol in wanted)
    emit(options, [_flat(row) for row in rows], lambda: _print(rows))


@settings.command("set")
@click.argument("words", nargs=-1, required=True, metavar="SYMBOL... KEY=VALUE...")
@account_option()
@all_accounts_option()
@pass_options
def set_settings(options: Options, *, words: tuple[str, ...], account: str | None, all_accounts: bool) -> None:
    """Change settings of symbols; traders that run take them at their next cycle.

    An order that rests is never changed. Keys: chunks, budget (quote asset), buy_down_interval, profit_interval,
    rebuy_interval (ratios, 0.01 is 1 %), strategy, dust (sweep or keep), and the parameters of the strategy. Naming a
    strategy begins with its defaults: parameters that were set before are dropped.

    Example:
      naive-daemon settings set BTCUSDT ETHUSDT budget=500 chunks=3
      naive-daemon settings set BTCUSDT strategy=ema_cross interval=5m fast=9 slow=21

    """
    symbols = [SymbolType().convert(word, None, None) for word in words if "=" not in word]
    changes = _read_changes([word for word in words if "=" in word])
    if not symbols or not changes:
        raise UsageError("name at least one symbol and one value", hint="naive-daemon settings set BTCUSDT budget=500")
    config = options.load_config()
    with open_engine(options, config) as (_, engine):
        accounts = chosen_accounts(engine, config.account, account, all_accounts=all_accounts)
        store = OperatorSettings(engine)
        trades = {(row.account, row.symbol): row.trade for row in _rows(store, accounts)}
        names = check_settled_or_listed(symbols, (symbol for _, symbol in trades), lambda: listed_symbols(config))
        present = (trades.get((one, name), TradeSettings()) for one in accounts for name in names)
        wrong = (mistakes(trade, changes) for trade in dict.fromkeys(present))
        _refuse(list(dict.fromkeys(line for lines in wrong for line in lines)))
        for one in accounts:
            if missing := [name for name in names if (one, name) not in trades]:
                store.seed(one, missing)
            store.set_values(one, names, changes)
        changed = _rows(store, accounts, names)
        emit(options, [_flat(row) for row in changed], lambda: _print(changed))
        tell_left_out(options, engine, config.account, all_accounts=all_accounts)
    running = sum(row.status is not TradingStatus.OFF for row in changed)
    if running:
        say(options, "traders that run take this at their next cycle; orders that rest stay as they are")


def _rows(store: OperatorSettings, accounts: Sequence[str], symbols: Sequence[str] = ()) -> tuple[SymbolSettings, ...]:
    """Read the settings of some accounts, in one question."""
    found = store.rows(accounts[0] if len(accounts) == 1 else None, symbols)
    wanted = frozenset(accounts)
    return tuple(row for row in found if row.account in wanted)


def _read_changes(words: Sequence[str]) -> dict[str, str]:
    """Read `key=value` words; raises UsageError that has a line for each bad one."""
    changes: dict[str, str] = {}
    wrong: list[str] = []
    for word in words:
        key, _, value = word.partition("=")
        key = key.strip().lower()
        if key in changes:
            wrong.append(f"{key} is given twice")
        changes.setdefault(key, value)
    # What only a symbol's own strategy knows is looked at when the symbol's row has been read.
    known = changes if "strategy" in changes else {key: text for key, text in changes.items() if key in SETTING_RULES}
    _refuse(wrong + mistakes(TradeSettings(), known))
    return changes


def _refuse(wrong: Sequence[str]) -> None:
    if wrong:
        head = "1 setting is" if len(wrong) == 1 else f"{len(wrong)} settings are"
        raise UsageError("\n  ".join([f"{head} wrong, nothing was changed:", *wrong]))


def _flat(row: SymbolSettings) -> dict[str, Any]:
    fields = msgspec.structs.asdict(row)
    del fields["revision"]  # is what the daemon answers to, and nothing that is set
    trade = fields.pop("trade")
    of_trade = msgspec.structs.asdict(trade) | {"parameters": dict(trade.parameters)}
    return {**{key: fields[key] for key in ("account", "symbol", "status")}, **of_trade, **fields}


def _print(rows: Sequence[SymbolSettings]) -> None:
    if not rows:
        click.echo("no settings yet; naive-daemon seed adds every symbol that the exchange lists")
        return
    several = len({row.account for row in rows}) > 1
    columns = ("account", *_COLUMNS) if several else _COLUMNS
    shown = [(row.account, row.symbol, row.status, *_shown(row.trade)) for row in rows]
    print_table(columns, shown if several else [row[1:] for row in shown])


def _shown(trade: TradeSettings) -> list[object]:
    shown = msgspec.structs.asdict(trade) | {"parameters": " ".join(f"{key}={text}" for key, text in trade.parameters)}
    return [shown[key] for key in _TRADE_KEYS]
