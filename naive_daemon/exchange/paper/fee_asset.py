"""A third asset that commission is paid in, as BNB on Binance: while there is enough of it, and not beyond. Pure."""

from decimal import Decimal

import msgspec

from naive_daemon.domain.money import EXACT, affordable

STEP = Decimal("0.00000001")


class FeeAsset(msgspec.Struct, frozen=True):
    """`price` is what one of it is worth in the quote asset, of any symbol; it does not change."""

    asset: str
    price: Decimal

    def commission(self, quote: Decimal, rate: Decimal) -> Decimal:
        """Give the commission on a trade worth `quote`, rounded down to 8 decimals."""
        return affordable(EXACT.multiply(quote, rate), self.price, STEP)
