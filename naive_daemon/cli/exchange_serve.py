"""`naive-daemon exchange serve`."""

import os
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from naive_daemon.cli.command import Command, Options, pass_options
from naive_daemon.cli.output import emit, say
from naive_daemon.cli.symbols import SymbolType
from naive_daemon.domain.errors import UsageError

if TYPE_CHECKING:
    from naive_daemon.exchange.paper.fee_asset import FeeAsset
    from naive_daemon.exchange.server.server import ExchangeServer, ServerOptions

_SPEED_MAX = Decimal(1_000_000)
_ACCOUNTS_MAX = 10_000
_FILES_SHOWN_MAX = 5


@click.command(cls=Command)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, show_default=True, help="0 takes any free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address that it listens on.")
@click.option(
    "--market",
    default="generated",
    show_default=True,
    metavar="generated|clients|FILE",
    help="Where trades come from: made up, the clients' own orders, or a recorded file.",
)
@click.option("--speed", default="1", show_default=True, metavar="N|max", help="How many times faster it is played.")
@click.option("--trades-per-s", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Generated trades.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of the market and of the faults.")
@click.option("--symbol", "symbols", multiple=True, type=SymbolType(), metavar="SYMBOL", help="List these alone.")
@click.option(
    "--exchange-info", type=click.Path(path_type=Path), metavar="FILE", help="Binance's exchangeInfo to list from."
)
@click.option("--accounts", type=click.Path(path_type=Path), metavar="FILE", help="Accounts and keys (mode 0600).")
@click.option(
    "--account-count",
    type=click.IntRange(0, _ACCOUNTS_MAX),
    default=0,
    metavar="N",
    help="Make accounts with keys until there are so many.",
)
@click.option(
    "--state", type=click.Path(path_type=Path), metavar="DIR", help="Its folder; exchange in the home unless given."
)
@click.option(
    "--fill-model",
    type=click.Choice(["volume", "through"]),
    default="volume",
    show_default=True,
    help="When an order fills.",
)
@click.option("--maker-fee", default="0.001", show_default=True, metavar="RATIO", help="Commission of who rested.")
@click.option("--taker-fee", default="0.001", show_default=True, metavar="RATIO", help="Commission of who came.")
@click.option("--fee-asset", metavar="ASSET=PRICE", help="Take commission in this asset, while an account has of it.")
@click.option(
    "--weight-limit", type=click.IntRange(0), default=6_000, show_default=True, help="Weight a minute; 0: none."
)
@click.option("--order-limit", type=click.IntRange(0), default=50, show_default=True, help="Orders in 10 s; 0: none.")
@click.option(
    "--day-order-limit", type=click.IntRange(0), default=160_000, show_default=True, help="Orders a day; 0: none."
)
@click.option(
    "--connection-limit", type=click.IntRange(0), default=300, show_default=True, help="Connections in 5 min; 0: none."
)
@pass_options
def serve(
    options: Options,
    *,
    port: int,
    host: str,
    market: str,
    speed: str,
    trades_per_s: int,
    seed: int,
    symbols: tuple[str, ...],
    exchange_info: Path | None,
    accounts: Path | None,
    account_count: int,
    state: Path | None,
    fill_model: str,
    maker_fee: str,
    taker_fee: str,
    fee_asset: str | None,
    weight_limit: int,
    order_limit: int,
    day_order_limit: int,
    connection_limit: int,
) -> None:
    """Serve a local exchange that speaks Binance's Spot API, until Ctrl-C or SIGTERM.

    REST, market streams and WebSocket API are on one port of this machine. Orders, fills and balances survive its end.
    It makes an account with keys once and says in which file they are; it prints none. With --account-count it makes
    more, and a list of them that "account add --from" reads. Under /admin, which answers this
    machine without a key, it takes faults ("exchange fault"), trades by hand, and tells the truth for audits.

    Example:
      naive-daemon exchange serve --port 8080 --market clients
      naive-daemon exchange serve --market XRPETH-aggTrades-2019-10-11.csv --speed 50

    """
    from naive_daemon.exchange.paper.engine import FillModel
    from naive_daemon.exchange.server.limits import RateLimits
    from naive_daemon.exchange.server.market_choice import CLIENTS, MarketChoice
    from naive_daemon.exchange.server.server import ServerOptions
    from naive_daemon.exchange.server.venue import VenueRules

    if accounts is not None and account_count:
        raise UsageError(
            "--account-count goes with the accounts that the exchange makes, --accounts names others", hint="give one"
        )
    config = options.load_config()
    served = ServerOptions(
        folder=state.absolute() if state is not None else config.home / "exchange",
        host=host,
        port=port,
        market=MarketChoice(market, _speed(speed), symbols, exchange_info, seed, trades_per_s),
        rules=VenueRules(
            fill_model=FillModel(fill_model),
            between_clients=market == CLIENTS,
            maker_fee=_ratio("--maker-fee", maker_fee),
            taker_fee=_ratio("--taker-fee", taker_fee),
            fee_asset=None if fee_asset is None else _fee_asset(fee_asset),
        ),
        limits=RateLimits(
            weight_1min=weight_limit,
            orders_10s=order_limit,
            orders_1day=day_order_limit,
            connections_5min=connection_limit,
        ),
        accounts=accounts,
        account_count=account_count,
    )
    import asyncio
    import sys

    from naive_daemon.logs import LogStream, configure_logs

    stream = LogStream(sys.stderr)
    configure_logs(
        "debug" if options.debug else config.log.level, "json" if options.json else config.log.format, stream
    )
    try:
        asyncio.run(_serve(options, served))
    finally:
        stream.close()


async def _serve(options: Options, served: "ServerOptions") -> None:
    import asyncio
    import signal

    from naive_daemon.exchange.server.server import ExchangeServer, serve

    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end.set)
    async with ExchangeServer(served) as server:
        _tell(options, served, server)
        await serve(server, end)
    say(options, "the exchange has ended, its state is kept")


def _tell(options: Options, served: "ServerOptions", server: "ExchangeServer") -> None:
    from naive_daemon.exchange.server.credentials import write_credentials, write_references

    files = write_credentials(served.folder, served.accounts, server.address)
    listing = write_references(served.folder, served.accounts)
    told = {
        "url": f"http://{server.address}",
        "ws_api_url": f"ws://{server.address}/ws-api/v3",
        "stream_url": f"ws://{server.address}",
        "port": server.port,
        "pid": os.getpid(),
        "credentials": [str(path) for path in files],
        "accounts": str(listing),
    }

    def text() -> None:
        click.echo(f"the exchange is up: REST {told['url']}, WebSocket API {told['ws_api_url']},")
        click.echo(f"market streams {told['stream_url']}")
        for name, path in list(zip(server.account_names, files, strict=True))[:_FILES_SHOWN_MAX]:
            click.echo(f"keys of {name}: {path}")
        if len(files) > 1:
            click.echo(f"{len(files)} accounts; to trade all but the first: naive-daemon account add --from {listing}")

    emit(options, told, text)
    import sys

    sys.stdout.flush()


def _speed(text: str) -> Decimal | None:
    from naive_daemon.domain.money import parse_decimal

    if text == "max":
        return None
    try:
        speed = parse_decimal(text)
    except ValueError as error:
        raise UsageError(f"--speed: {error}", hint="a number more than 0, or max") from None
    if not 0 < speed <= _SPEED_MAX:
        raise UsageError(f"--speed {text} is out of range", hint="more than 0, at most 1000000, or max")
    return speed


def _ratio(name: str, text: str) -> Decimal:
    from naive_daemon.domain.money import parse_decimal

    try:
        ratio = parse_decimal(text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None
    if not 0 <= ratio < Decimal("0.5"):
        raise UsageError(f"{name} {text} is no ratio", hint="0.001 is 0.1 %")
    return ratio


def _fee_asset(text: str) -> "FeeAsset":
    from naive_daemon.domain.money import parse_decimal
    from naive_daemon.exchange.paper.fee_asset import FeeAsset

    hint = "an asset and what one of it is worth in the quote asset, like BNB=600"
    asset, _, price = text.partition("=")
    try:
        worth = parse_decimal(price)
    except ValueError as error:
        raise UsageError(f"--fee-asset {text}: {error}", hint=hint) from None
    if not (asset.isascii() and asset.isalnum() and asset == asset.upper()) or worth <= 0:
        raise UsageError(f"--fee-asset {text} is refused", hint=hint)
    return FeeAsset(asset, worth)
