"""A currency: what an account owns some of, and in which its money is counted."""

import msgspec


class Currency(msgspec.Struct, frozen=True, kw_only=True):
    """An asset by its exchange's code; `precision` is how many decimals the exchange gives of it."""

    code: str
    precision: int
    name: str = ""
