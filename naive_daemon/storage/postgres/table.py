"""What all tables are made of: their columns' types, how constraints are named, and the metadata that holds them.

Money is `numeric` without a scale: a Decimal comes back exactly as it went in. A moment that the daemon reckons with is
a bigint of UTC nanoseconds (`*_ns`); the timestamptz beside it, for people, is generated from it by the database and is
floored to whole microseconds, so the two can never disagree. Rows that only people read have a timestamptz alone.
"""

import enum
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from sqlalchemy import BigInteger, Computed, DateTime, MetaData, Numeric, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column


def values_of(kind: type[enum.StrEnum]) -> list[str]:
    """Give what the members of an enum are written as."""
    return [member.value for member in kind]


def one_of(column: str, values: list[str]) -> str:
    """Write the SQL condition that `column` holds one of `values`, which are our own constants."""
    listed = ", ".join(f"'{value}'" for value in values)
    return f"{column} IN ({listed})"


def at_of(column: str) -> Computed:
    """Generate a timestamptz from a column of nanoseconds, floored to microseconds."""
    seconds = f"({column} / 1000)::double precision / (1000000)::double precision"
    return Computed(f"to_timestamp({seconds})", persisted=True)


# NaN sorts above every number in PostgreSQL, so an upper bound refuses it together with Infinity.
FINITE = "'Infinity'::numeric"

Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Stamp = Annotated[datetime, mapped_column(DateTime(timezone=True), server_default=text("now()"))]
Nanoseconds = Annotated[int, mapped_column(BigInteger)]
Name = Annotated[str, mapped_column(Text)]
KeyName = Annotated[str, mapped_column(Text, primary_key=True)]
Money = Annotated[Decimal, mapped_column(Numeric)]
Zero = Annotated[Decimal, mapped_column(Numeric, server_default=text("0"))]
Texts = Annotated[dict[str, str], mapped_column(JSONB, server_default=text("'{}'::jsonb"))]


class Base(DeclarativeBase):
    """Holds all tables; names of constraints follow one rule, so that migrations can name them too."""

    metadata = MetaData(
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        }
    )
