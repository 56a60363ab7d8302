"""An order as its client wants it, before it is one. Made by the requests, read by the venue."""

from decimal import Decimal

import msgspec

from naive_daemon.domain.money import ZERO
from naive_daemon.domain.side import Side
from naive_daemon.exchange.paper.taking import Taking
from naive_daemon.exchange.server.order import OrderKind, TimeInForce

_TAKING = {TimeInForce.GTC: Taking.RESTS, TimeInForce.IOC: Taking.NOW, TimeInForce.FOK: Taking.WHOLE}


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks for. `quantity` is in base; a market order may say `quote_quantity` instead."""

    symbol: str
    side: Side
    kind: OrderKind
    time_in_force: TimeInForce
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal = ZERO
    client_order_id: str | None = None

    @property
    def taking(self) -> Taking:
        """What is to become of what finds nobody to trade with, in the engine's terms."""
        if self.kind is OrderKind.LIMIT_MAKER:
            return Taking.MAKER
        return Taking.MARKET if self.kind is OrderKind.MARKET else _TAKING[self.time_in_force]
