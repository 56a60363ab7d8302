"""An instrument: a symbol's assets and the exchange's filters, and which orders pass them."""

from decimal import Decimal

import msgspec

from naive_daemon.domain.money import ZERO, is_multiple
from naive_daemon.domain.order import Side


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange says of a symbol. A bound of 0 is switched off (Binance, "Filters").

    `tick_size` is the grid of prices, `step_size` that of quantities in the base asset; notionals are in the
    quote asset. `is_trading` says how it was when the instrument was read: what is halted later, or not any more, is
    known by who holds entries back.
    """

    symbol: str
    base_asset: str
    quote_asset: str
    tick_size: Decimal
    step_size: Decimal
    min_price: Decimal = ZERO
    max_price: Decimal = ZERO
    min_quantity: Decimal = ZERO
    max_quantity: Decimal = ZERO
    min_notional: Decimal = ZERO
    max_notional: Decimal = ZERO
    bid_multiplier_up: Decimal = ZERO
    bid_multiplier_down: Decimal = ZERO
    ask_multiplier_up: Decimal = ZERO
    ask_multiplier_down: Decimal = ZERO
    max_open_orders: int = 0
    is_trading: bool = True

    def refusal(self, side: Side, price: Decimal, quantity: Decimal, reference: Decimal | None = None) -> str | None:
        """Name the filter that a limit order fails, in the exchange's words, or None when it passes.

        `reference` is the price that PERCENT_PRICE_BY_SIDE measures from; without it that filter is not asked.
        """
        if not price.is_finite() or self._price_fails(price):
            return "Filter failure: PRICE_FILTER"
        if not quantity.is_finite() or self._quantity_fails(quantity):
            return "Filter failure: LOT_SIZE"
        if _outside(price * quantity, self.min_notional, self.max_notional):
            return "Filter failure: NOTIONAL"
        if reference is not None and self._percent_price_fails(side, price, reference):
            return "Filter failure: PERCENT_PRICE_BY_SIDE"
        return None

    def is_too_small(self, price: Decimal, quantity: Decimal) -> bool:
        """Say whether an order is below what the exchange takes, whatever its price may become: dust."""
        return quantity <= 0 or quantity < self.min_quantity or price * quantity < self.min_notional

    def _price_fails(self, price: Decimal) -> bool:
        if price <= 0 or _outside(price, self.min_price, self.max_price):
            return True
        return self.tick_size > 0 and not is_multiple(price, self.tick_size)

    def _quantity_fails(self, quantity: Decimal) -> bool:
        if quantity <= 0 or _outside(quantity, self.min_quantity, self.max_quantity):
            return True
        return self.step_size > 0 and not is_multiple(quantity, self.step_size)

    def _percent_price_fails(self, side: Side, price: Decimal, reference: Decimal) -> bool:
        if side is Side.BUY:
            return _outside(price, reference * self.bid_multiplier_down, reference * self.bid_multiplier_up)
        return _outside(price, reference * self.ask_multiplier_down, reference * self.ask_multiplier_up)


def _outside(value: Decimal, low: Decimal, high: Decimal) -> bool:
    return value < low or (high > 0 and value > high)
