"""A trade cycle: one buy, its sell, and what came of it."""

import enum
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from naive_daemon.domain.money import ZERO
from naive_daemon.domain.order import CycleKey
from naive_daemon.domain.settings import TradeSettings


class CycleOutcome(enum.StrEnum):
    """How a trade cycle ended: sold, or given up before anything was bought."""

    COMPLETED = "completed"
    ABANDONED = "abandoned"


class CycleResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a cycle that ended has brought; money in the quote asset, `dust_base` in the base asset.

    `realised_pnl` = sells net of commission − what the buys cost, commission in the quote asset included. `dust_base`
    is what was held at the end, the dust that the cycle was given included.
    """

    outcome: CycleOutcome
    finished_ns: int
    bought: Decimal
    sold: Decimal
    buy_price: Decimal | None
    sell_price: Decimal | None
    fees: Mapping[str, Decimal]
    realised_pnl: Decimal
    dust_base: Decimal


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """A trade cycle: its settings hold from its first to its last order, whatever is set meanwhile.

    `budget` is this trader's share in the quote asset, `fee` the maker rate it reckons with. `dust_in` is what former
    cycles could not sell (base asset) and this one was given to sell along; its cost is in their results. It is less
    than 0 where they paid more commission in the base asset than they had left: this one then sells as much less.
    """

    key: CycleKey
    budget: Decimal
    fee: Decimal
    settings: TradeSettings
    started_ns: int
    rebuy_reported: bool = False
    dust_in: Decimal = ZERO
    result: CycleResult | None = None
