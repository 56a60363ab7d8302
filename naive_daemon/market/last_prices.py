"""The newest price of each symbol, where whoever needs it now can look it up instead of hearing every trade.

Each feed writes its own symbol's, as a trade arrives, and nobody else writes. Readers, on any thread, see some newest
price. It outlives the feeds.
"""

from decimal import Decimal

LastPrices = dict[str, Decimal]
"""Price (quote) by symbol; a symbol without a trade so far has none."""
