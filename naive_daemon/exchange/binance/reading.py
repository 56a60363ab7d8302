"""From what Binance writes to our own events: which order it is, what became of it, what it cost.

Owned by one gateway; pure but for what it notes as odd. Invariant: what cannot be read, or concerns a symbol or an
asset that is not ours to know, is noted and passed over; nothing is raised for a part that can be left out.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from naive_daemon.clock import NS_PER_MS
from naive_daemon.domain.events import (
    AccountEvent,
    BalanceUpdated,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
)
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.money import ZERO
from naive_daemon.domain.order import OrderStatus
from naive_daemon.domain.side import Side
from naive_daemon.exchange.binance.oddity import Oddities
from naive_daemon.exchange.binance.status import STATUSES, ending_of
from naive_daemon.exchange.binance.wire import (
    AccountInformation,
    AccountPosition,
    EventKind,
    ExecutionReport,
    Holding,
    KnownOrder,
    OwnTrade,
    PlacedOrder,
    WireError,
    amount,
    decode,
    positive,
)
from naive_daemon.execution.client import ExchangeOrder


class Told(msgspec.Struct, frozen=True):
    """One event for the account, and what tells it apart from every other: the same key is the same happening."""

    event: AccountEvent
    key: tuple[object, ...] | None


def fill_told(fill: OrderFilled) -> Told:
    """Give a fill as it is told, whichever way it came: two orders of an account may have one trade id."""
    return Told(fill, ("trade", fill.symbol, fill.client_order_id, fill.trade_id))


class Reader:
    """Reads for one account. `instruments`: by symbol; others' symbols and assets are passed over."""

    def __init__(self, account: str, instruments: Mapping[str, Instrument], oddities: Oddities) -> None:
        self._account = account
        self._instruments = instruments
        self._assets = {asset for each in instruments.values() for asset in (each.base_asset, each.quote_asset)}
        self._oddities = oddities
        self._owned: set[str] = set()

    # Answers --------------------------------------------------------------------------------------------------------

    def placed(self, body: bytes, client_order_id: str) -> list[Told]:
        """Read the answer to an order that was placed: accepted, and what was filled at once.

        Raises WireError, also when it is the answer to another order.
        """
        placed = decode(body, PlacedOrder)
        if placed.client_order_id != client_order_id:
            raise WireError("PlacedOrder: it is another order's")
        time_ns = placed.transact_time * NS_PER_MS
        told = [Told(self._accepted(placed.symbol, placed.client_order_id, placed.order_id, time_ns), None)]
        for fill in placed.fills:
            event = OrderFilled(
                account=self._account,
                symbol=placed.symbol,
                client_order_id=placed.client_order_id,
                exchange_order_id=str(placed.order_id),
                trade_id=str(fill.trade_id),
                price=positive(fill.price, "price"),
                quantity=positive(fill.qty, "qty"),
                commission=amount(fill.commission, "commission"),
                commission_asset=fill.commission_asset,
                time_ns=time_ns,
                is_maker=False,  # what is filled by its own placing takes
            )
            told.append(fill_told(event))
        ending = ending_of(STATUSES.get(placed.status))
        if ending is not None:
            told.append(
                Told(
                    ending(
                        account=self._account,
                        symbol=placed.symbol,
                        client_order_id=placed.client_order_id,
                        time_ns=time_ns,
                        reason=placed.status.lower(),
                    ),
                    None,
                )
            )
        return told

    def order(self, known: KnownOrder, client_order_id: str | None = None) -> ExchangeOrder | None:
        """Read one order; None, and noted, when it cannot be. `client_order_id`: the one that was asked for.

        Who asks for an order knows it, so its symbol may have been taken off the list since it was placed.
        """
        if client_order_id is None and known.symbol not in self._instruments:
            self._oddities.note("unknown symbol", known.symbol)
            return None
        status = STATUSES.get(known.status)
        if status is None or known.side not in ("BUY", "SELL"):
            self._oddities.note("unknown order status", f"{known.status} {known.side}")
            return None
        try:
            filled = amount(known.executed_qty, "executedQty")
            price, quantity = amount(known.price, "price"), amount(known.orig_qty, "origQty")
        except WireError as error:
            self._oddities.note("unreadable order", str(error))
            return None
        if status is OrderStatus.OPEN and filled:
            status = OrderStatus.PARTLY_FILLED
        return ExchangeOrder(
            symbol=known.symbol,
            client_order_id=client_order_id or known.client_order_id,
            exchange_order_id=str(known.order_id),
            side=Side(known.side),
            price=price,
            quantity=quantity,
            filled=filled,
            status=status,
            time_ns=max(known.update_time, known.time, 0) * NS_PER_MS,
            reason=known.expiry_reason or (known.status.lower() if status.is_terminal else None),
        )

    def trades(self, trades: Iterable[OwnTrade], client_order_id: str) -> tuple[OrderFilled, ...]:
        """Read an order's trades, oldest first. Raises WireError: a fill that is left out would be lost."""
        return tuple(
            OrderFilled(
                account=self._account,
                symbol=trade.symbol,
                client_order_id=client_order_id,
                exchange_order_id=str(trade.order_id),
                trade_id=str(trade.id),
                price=positive(trade.price, "price"),
                quantity=positive(trade.qty, "qty"),
                commission=amount(trade.commission, "commission"),
                commission_asset=trade.commission_asset,
                time_ns=trade.time * NS_PER_MS,
                is_maker=trade.is_maker,
            )
            for trade in sorted(trades, key=lambda trade: trade.id)
        )

    def balances(self, information: AccountInformation) -> tuple[BalanceUpdated, ...]:
        """Read all that is owned, stamped with the time of the account's latest change.

        An asset that was owned before and is not mentioned any more is owned no more.
        """
        time_ns = information.update_time * NS_PER_MS
        mentioned = {holding.asset for holding in information.balances}
        gone = [Holding(asset, ZERO, ZERO) for asset in sorted(self._owned - mentioned)]
        updates = (self._balance(holding, time_ns) for holding in [*information.balances, *gone])
        # An exchange lists hundreds of assets, of which most are never owned: those are not worth telling.
        return tuple(update for update in updates if update is not None and update.asset in self._owned)

    # Events of the user data stream ---------------------------------------------------------------------------------

    def event(self, kind: EventKind, body: "bytes | msgspec.Raw") -> list[Told]:
        """Read one event; what is unknown or unreadable is noted, and gives nothing."""
        try:
            match kind.e:
                case "executionReport":
                    return self._report(decode(body, ExecutionReport))
                case "outboundAccountPosition":
                    return self._position(decode(body, AccountPosition))
                case "balanceUpdate" | "externalLockUpdate":
                    return []  # a change; what is owned then comes as outboundAccountPosition
                case _:
                    self._oddities.note("unknown event type", kind.e)
        except WireError as error:
            self._oddities.note("unreadable event", str(error))
        return []

    def _position(self, position: AccountPosition) -> list[Told]:
        time_ns = (position.E if position.u is None else position.u) * NS_PER_MS
        updates = (self._balance(Holding(each.a, each.f, each.l), time_ns) for each in position.B)
        return [Told(update, None) for update in updates if update is not None]

    def _report(self, report: ExecutionReport) -> list[Told]:
        if report.s not in self._instruments:
            self._oddities.note("unknown symbol", report.s)
            return []
        client_order_id = report.C or report.c
        if report.x == "TRADE":
            return [fill_told(self._fill(report, client_order_id))]
        event = self._change(report, client_order_id)
        key = ("execution", report.s, report.i, report.x, report.I, report.T)
        return [] if event is None else [Told(event, key)]

    def _change(self, report: ExecutionReport, client_order_id: str) -> AccountEvent | None:
        time_ns = report.T * NS_PER_MS
        ending: type[OrderCancelled | OrderExpired]
        match report.x:
            case "NEW":
                return self._accepted(report.s, client_order_id, report.i, time_ns)
            case "REJECTED":
                return OrderRejected(
                    account=self._account,
                    symbol=report.s,
                    client_order_id=client_order_id,
                    time_ns=time_ns,
                    reason=_reason(report),
                )
            case "CANCELED":
                ending = OrderCancelled
            case "EXPIRED":
                ending = OrderExpired
            case "TRADE_PREVENTION" if report.X in ("EXPIRED", "EXPIRED_IN_MATCH"):
                ending = OrderExpired
            case _:
                self._oddities.note("unknown execution type", f"{report.x} {report.X}")
                return None
        return ending(
            account=self._account,
            symbol=report.s,
            client_order_id=client_order_id,
            time_ns=time_ns,
            reason=_reason(report),
            filled=amount(report.z, "z"),
        )

    def _fill(self, report: ExecutionReport, client_order_id: str) -> OrderFilled:
        instrument = self._instruments[report.s]
        received = instrument.base_asset if report.S == "BUY" else instrument.quote_asset
        if report.t < 0:
            raise WireError("a trade without a trade id")
        return OrderFilled(
            account=self._account,
            symbol=report.s,
            client_order_id=client_order_id,
            exchange_order_id=str(report.i),
            trade_id=str(report.t),
            price=positive(report.L, "L"),
            quantity=positive(report.l, "l"),
            commission=ZERO if report.n is None else amount(report.n, "n"),
            commission_asset=report.N or received,
            time_ns=report.T * NS_PER_MS,
            is_maker=report.m,
        )

    def _accepted(self, symbol: str, client_order_id: str, order_id: int, time_ns: int) -> OrderAccepted:
        return OrderAccepted(
            account=self._account,
            symbol=symbol,
            client_order_id=client_order_id,
            exchange_order_id=str(order_id),
            time_ns=time_ns,
        )

    def _balance(self, holding: Holding, time_ns: int) -> BalanceUpdated | None:
        if holding.asset not in self._assets:
            if holding.free or holding.locked:  # also what is no amount: neither is nothing
                self._oddities.note("unknown asset", holding.asset)
            return None
        try:
            free, locked = amount(holding.free, "free"), amount(holding.locked, "locked")
        except WireError as error:
            self._oddities.note("unreadable balance", f"{holding.asset}: {error}")
            return None
        if free or locked:
            self._owned.add(holding.asset)
        return BalanceUpdated(account=self._account, asset=holding.asset, free=free, locked=locked, time_ns=time_ns)


def total(fills: Iterable[OrderFilled]) -> Decimal:
    """Give how much of the base asset was filled."""
    return sum((fill.quantity for fill in fills), ZERO)


def _reason(report: ExecutionReport) -> str:
    for said in (report.eR, report.r):
        if said not in (None, "", "NONE"):
            return str(said)
    return report.X.lower()
