"""What kind of world a seed stands for: how much is traded, on what terms, with which settings. Drawn once."""

import random
from decimal import Decimal

import msgspec

from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.settings import Dust, TradeSettings
from naive_daemon.exchange.paper.engine import FillModel
from naive_daemon.exchange.paper.fee_asset import FeeAsset

QUOTE = "Q"
FEE_ASSET = "FEE"
SYMBOLS = ("AAAQ", "BBBQ", "CCCQ")
OPENING_PRICE = Decimal(100)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`beats`: of the market, a second or so each; `own_exchange`: the exchange is the daemon's own, on paper.

    `restarts`: how many of its traders, and of its own, a symbol has before it is quarantined.
    """

    symbols: tuple[str, ...]
    accounts: tuple[str, ...]
    beats: int
    chunks: int
    budget: Decimal
    buy_down_interval: Decimal
    profit_interval: Decimal
    rebuy_interval: Decimal
    fee: Decimal
    dust: Dust
    fill_model: FillModel
    fee_asset: FeeAsset | None
    fee_asset_owned: Decimal
    own_exchange: bool
    restarts: int

    @property
    def instruments(self) -> dict[str, Instrument]:
        """Give what the exchange lists."""
        return {symbol: _instrument(symbol) for symbol in SYMBOLS}

    @property
    def trade(self) -> TradeSettings:
        """Give the settings that each symbol starts with."""
        return TradeSettings(
            chunks=self.chunks,
            budget=self.budget,
            buy_down_interval=self.buy_down_interval,
            profit_interval=self.profit_interval,
            rebuy_interval=self.rebuy_interval,
            dust=self.dust,
        )

    @property
    def opening(self) -> dict[str, Decimal]:
        """Give what each account owns in the beginning, by asset; some of the base was there before us."""
        return {QUOTE: Decimal(100_000), FEE_ASSET: self.fee_asset_owned, **{s[:-1]: Decimal(1) for s in SYMBOLS}}


def draw_plan(seed: int) -> Plan:
    """Draw the world of a seed."""
    draw = random.Random(f"{seed}/plan")
    has_fee_asset = draw.random() < 0.3
    return Plan(
        symbols=SYMBOLS[: draw.choice((1, 1, 2, 2, 3))],
        accounts=("main", "second")[: draw.choice((1, 1, 1, 2))],
        beats=draw.choice((20, 40, 80)),
        chunks=draw.choice((1, 2, 3, 5)),
        budget=Decimal(draw.choice((100, 300, 1_000))),
        buy_down_interval=Decimal(draw.choice(("0", "0.0005", "0.001"))),
        profit_interval=Decimal(draw.choice(("0.0005", "0.001", "0.003"))),
        rebuy_interval=Decimal(draw.choice(("0.001", "0.002", "0.004"))),
        fee=Decimal(draw.choice(("0", "0.00075", "0.001"))),
        dust=draw.choice(tuple(Dust)),
        fill_model=draw.choice(tuple(FillModel)),
        fee_asset=FeeAsset(FEE_ASSET, Decimal(1)) if has_fee_asset else None,
        fee_asset_owned=Decimal(draw.choice(("0", "0.5", "100"))),
        own_exchange=draw.random() < 0.2,
        restarts=draw.choice((0, 1, 3)),
    )


def _instrument(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        base_asset=symbol.removesuffix(QUOTE),
        quote_asset=QUOTE,
        tick_size=Decimal("0.01"),
        step_size=Decimal("0.001"),
        min_notional=Decimal(5),
    )
