"""`naive-daemon account show`."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
import msgspec

from naive_daemon.cli.account_choice import account_option
from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.output import emit, print_table

if TYPE_CHECKING:
    from naive_daemon.account.view import AccountView
    from naive_daemon.domain.order import Order

_BALANCES = ("asset", "free>", "locked>", "total>", "dust>")
_POSITIONS = (
    "symbol", "side", "quantity>", "entry price>", "last price>", "unrealised pnl>", "leverage>", "margin>",
)  # fmt: skip
_ORDERS = ("created", "symbol", "side", "price>", "quantity>", "filled>", "status", "id")
_SESSIONS = (
    "asset", "began with>", "realised pnl>", "unrealised pnl>", "if closed>", "margin>", "depth>", "with pnl>",
)  # fmt: skip
_METADATA = ("symbol", "long>", "short>", "opened", "last closed price>", "last profit>")
_SHOWN_ORDERS_MAX = 100
_STEP = Decimal("0.00000001")
_PERCENT_STEP = Decimal("0.01")


@click.command(cls=Command)
@account_option("The account; the configured one, or the only one that the daemon trades, unless given.")
@pass_options
def show(options: Options, *, account: str | None) -> None:
    """Show what the account of a running daemon has: balances, positions, open orders, and the session so far.

    A session begins with the daemon, or with a restart of the account's actor. Its realised PnL counts what positions
    have cost as still there, so it changes only when something is sold, paid in or taken out. Depth is the share of the
    balance that is in positions. Dust is what cycles that ended could not sell; it is part of the balance.

    Example:
      naive-daemon account show
      naive-daemon account show --account second --json

    """
    show_account(options, account)


def show_account(options: Options, account: str | None) -> None:
    """Ask the daemon of the configured home, and print what it says."""
    from naive_daemon.cli.looking import ask_of_account
    from naive_daemon.console.protocol import AccountShown, AskAccount

    view = ask_of_account(options, account, AskAccount, AccountShown).view
    dust = _dust(options, view)
    emit(options, _data(view, dust), lambda: _print(view, dust))


def _dust(options: Options, view: "AccountView") -> dict[str, Decimal] | None:
    """Read the dust of each base asset from the journal; None, and a line that says why, when it is away."""
    from naive_daemon.cli.database import open_engine
    from naive_daemon.domain.errors import NaiveError
    from naive_daemon.domain.money import EXACT, ZERO
    from naive_daemon.storage.postgres.report import Report

    try:
        with open_engine(options, options.load_config({"account": view.account}), reads_only=True) as (_, engine):
            by_symbol = Report(engine).dust(view.account)
    except NaiveError as error:
        if not options.json:  # there it is null
            click.echo(f"dust is not known: {error.message}", err=True)
        return None
    dust: dict[str, Decimal] = {}
    for symbol, amount in by_symbol.items():
        asset = view.base_assets.get(symbol, symbol)
        dust[asset] = EXACT.add(dust.get(asset, ZERO), amount)
    return dust


def _data(view: "AccountView", dust: Mapping[str, Decimal] | None) -> dict[str, Any]:
    from naive_daemon.clock import to_datetime

    def moment(time_ns: int | None) -> Any:
        return to_datetime(time_ns) if time_ns else None

    balances = {
        asset: {"free": one.free, "locked": one.locked, "total": one.total, "updated_at": moment(one.time_ns)}
        for asset, one in sorted(view.balances.items())
    }
    metadata = {
        symbol: {**_without(one, "opened_ns"), "opened_at": moment(one.opened_ns)}
        for symbol, one in sorted(view.metadata.items())
    }
    return {
        "account": view.account,
        "since": moment(view.since_ns),
        "balances": balances,
        "dust": dust,
        "positions": [msgspec.structs.asdict(one) for one in view.positions],
        "orders": [_order(one, moment(one.created_ns)) for one in view.orders],
        "sessions": [
            {
                **_without(one, "positions", "totals"),
                **msgspec.structs.asdict(one.totals),
                "depth": view.depths[one.asset],
            }
            for one in view.sessions
        ],
        "metadata": metadata,
        "metadata_health": view.metadata_health,
    }


def _without(value: msgspec.Struct, *fields: str) -> dict[str, Any]:
    return {key: one for key, one in msgspec.structs.asdict(value).items() if key not in fields}


def _order(order: "Order", created_at: Any) -> dict[str, Any]:
    return {
        "client_order_id": order.client_order_id,
        "exchange_order_id": order.exchange_order_id,
        "symbol": order.symbol,
        "trader": order.key.trader,
        "cycle": order.key.cycle,
        "side": order.side,
        "type": order.order_type,
        "price": order.price,
        "quantity": order.quantity,
        "filled": order.filled,
        "status": order.status,
        "created_at": created_at,
    }


def _print(view: "AccountView", dust: Mapping[str, Decimal] | None) -> None:
    from naive_daemon.cli.output import cell
    from naive_daemon.clock import to_datetime

    since = "its session has not begun: it is still reading what there is"
    if view.since_ns is not None:
        since = f"session since {cell(to_datetime(view.since_ns))}"
    click.echo(f"account {view.account}, {since}")
    _print_balances(view, dust)
    _section(
        "positions",
        _POSITIONS,
        [
            (
                one.symbol, one.side, one.quantity, _short(one.entry_price), one.last_price,
                _short(one.unrealised_pnl), one.leverage, _short(one.margin),
            )
            for one in sorted(view.positions, key=lambda one: (one.symbol, one.side))
        ],
    )  # fmt: skip
    _print_orders(view.orders)
    _section(
        "session",
        _SESSIONS,
        [
            (
                one.asset, _short(one.starting_balance), _short(one.realised_pnl), _short(one.totals.unrealised_pnl),
                _short(one.balance_if_closed), _short(one.totals.margin),
                _percent(view.depths[one.asset].without_pnl), _percent(view.depths[one.asset].with_pnl),
            )
            for one in view.sessions
        ],
    )  # fmt: skip
    for one in view.sessions:
        if one.totals.unpriced:
            click.echo(f"no last price yet of {', '.join(one.totals.unpriced)}: their unrealised pnl is left out")
    _print_metadata(view)


def _print_balances(view: "AccountView", dust: Mapping[str, Decimal] | None) -> None:
    rows: list[tuple[object, ...]] = []
    for asset in sorted({*view.balances, *(dust or {})}):
        one = view.balances.get(asset)
        found = (one.free, one.locked, one.total) if one is not None else (None, None, None)
        rows.append((asset, *found, (dust or {}).get(asset)))
    _section("balances", _BALANCES, rows)


def _print_orders(orders: "tuple[Order, ...]") -> None:
    from naive_daemon.clock import to_datetime

    newest = sorted(orders, key=lambda one: (-one.created_ns, one.client_order_id))
    _section(
        "orders",
        _ORDERS,
        [
            (
                to_datetime(one.created_ns), one.symbol, one.side, one.price, one.quantity, one.filled, one.status,
                one.client_order_id,
            )
            for one in newest[:_SHOWN_ORDERS_MAX]
        ],
    )  # fmt: skip
    if (left_out := len(orders) - _SHOWN_ORDERS_MAX) > 0:
        click.echo(f"and {left_out} older ones: naive-daemon orders --open --limit {len(orders)}")


def _print_metadata(view: "AccountView") -> None:
    from naive_daemon.clock import to_datetime

    rows = [
        (
            symbol, one.entries_long, one.entries_short, to_datetime(one.opened_ns) if one.opened_ns else None,
            _short(one.last_closed_price), _short(one.last_cycle_profit),
        )
        for symbol, one in sorted(view.metadata.items())
    ]  # fmt: skip
    _section("metadata", _METADATA, rows)
    health = view.metadata_health
    if health.trouble is not None:
        click.echo(f"metadata is {health.state}, and not written: {health.trouble}")


def _section(name: str, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> None:
    click.echo("")
    if rows:
        print_table(columns, rows)
    else:
        click.echo(f"no {name}")


def _short(value: Decimal | None) -> Decimal | None:
    """Shorten what was multiplied or divided to 8 decimals, half-even; --json has all digits."""
    from naive_daemon.report.ratio import rounded

    return None if value is None else rounded(value, _STEP)


def _percent(share: Decimal | None) -> str | None:
    from naive_daemon.report.ratio import rounded

    return None if share is None else f"{rounded(share * 100, _PERCENT_STEP)} %"
