"""`naive-daemon exchange fault add|list|clear`."""

from typing import Any

import click

from naive_daemon.cli.command import Group, Options, pass_options
from naive_daemon.cli.output import emit, print_table
from naive_daemon.domain.errors import UnreachableError, UsageError

_TIMEOUT_S = 10.0
_URL = click.option("--url", metavar="URL", help="Where the exchange is; exchange.binance.rest_url unless given.")
_COLUMNS = ("id>", "kind", "where", "probability>", "left>", "seconds>", "value", "happened>")


@click.group(cls=Group)
def fault() -> None:
    """Let a local exchange misbehave on demand, and behave again.

    Example:
      naive-daemon exchange fault add latency --value 20-200 --url http://127.0.0.1:8080
      naive-daemon exchange fault add error-after --where order.place --probability 0.2 --url http://127.0.0.1:8080
      naive-daemon exchange fault clear --url http://127.0.0.1:8080

    """


@fault.command("add")
@click.argument("kind")
@click.option("--where", default="all", show_default=True, help="order.place, order.cancel, order.status, account, …")
@click.option("--probability", type=float, default=1.0, show_default=True, help="How often it happens.")
@click.option("--count", type=click.IntRange(1), help="How many times at most.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="For how long at most.")
@click.option("--value", help="What the kind needs: milliseconds, seconds, a symbol, an account.")
@_URL
@pass_options
def add(
    options: Options,
    *,
    kind: str,
    where: str,
    probability: float,
    count: int | None,
    seconds: float | None,
    value: str | None,
    url: str | None,
) -> None:
    """Switch a fault on, or do once what is no state: a restart, a halt, a revoked key.

    Kinds: latency, drop, lost-answer, disconnect, disconnect-after, error, error-after, 429, 418, timestamp, not-found;
    of events duplicate, reorder, stall; once cut, server-shutdown, restart, halt, resume, delist, filters, revoke,
    clock-skew.
    Places: order.place, order.cancel, order.status, account, market, stream, user, all, account:NAME (all requests of
    that account), or the name of an operation.

    Example:
      naive-daemon exchange fault add latency --value 20-200
      naive-daemon exchange fault add error-after --where order.place --probability 0.2
      naive-daemon exchange fault add restart --value 5
      naive-daemon exchange fault add filters --value "BTCUSDT tick_size=0.1 min_notional=10"

    """
    wish = {
        "kind": kind,
        "where": where,
        "probability": probability,
        "count": count,
        "seconds": seconds,
        "value": value,
    }
    done = _ask("POST", _where(options, url), "/admin/faults", wish)
    emit(
        options, done, lambda: click.echo(f"{kind} is on, as number {done['id']}" if "id" in done else f"{kind}: done")
    )


@fault.command("list")
@_URL
@pass_options
def list_faults(options: Options, *, url: str | None) -> None:
    """Show the faults that are on.

    Example:
      naive-daemon exchange fault list --url http://127.0.0.1:8080

    """
    found = _ask("GET", _where(options, url), "/admin/faults")
    rows = [[one[column.rstrip(">")] for column in _COLUMNS] for one in found["faults"]]
    emit(options, found, lambda: print_table(_COLUMNS, rows) if rows else click.echo("no fault is on"))


@fault.command("clear")
@click.argument("number", type=click.IntRange(1), required=False)
@_URL
@pass_options
def clear(options: Options, *, number: int | None, url: str | None) -> None:
    """Switch one fault off, or all of them, and heal what they left: keys, halts, the clock, bans.

    Example:
      naive-daemon exchange fault clear
      naive-daemon exchange fault clear 3

    """
    done = _ask("DELETE", _where(options, url), "/admin/faults" if number is None else f"/admin/faults/{number}")
    emit(options, done, lambda: click.echo(f"faults switched off: {done['cleared']}"))


def _where(options: Options, url: str | None) -> str:
    found = url or options.load_config().exchange.binance.rest_url
    if found is None:
        raise UsageError("which exchange is not said", hint="--url URL, or set exchange.binance.rest_url")
    return found


def _ask(method: str, url: str, path: str, body: Any = None) -> Any:
    import urllib.error
    import urllib.request

    import msgspec

    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url!r} is no URL of an exchange", hint="like http://127.0.0.1:8080")
    data = None if body is None else msgspec.json.encode(body)
    request = urllib.request.Request(url.rstrip("/") + path, data, method=method)  # noqa: S310 - its scheme was checked
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - the same
            return msgspec.json.decode(answer.read())
    except urllib.error.HTTPError as error:
        raise _refused(url, error.read()) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UnreachableError(f"no exchange answers at {url}: {reason}", hint="start one: exchange serve") from None


def _refused(url: str, body: bytes) -> UsageError:
    import msgspec

    try:
        told = msgspec.json.decode(body, type=dict[str, str | None])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return UsageError(f"{url} is no local exchange", hint="start one: naive-daemon exchange serve")
    return UsageError(told.get("error") or "the exchange refused", hint=told.get("hint"))
