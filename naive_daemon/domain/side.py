"""The two sides of an order."""

import enum


class Side(enum.StrEnum):
    """Buy or sell, spelled as exchanges do."""

    BUY = "BUY"
    SELL = "SELL"
