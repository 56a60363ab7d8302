"""The keys of the configuration: their types, defaults and ranges, written once.

`config/naive-daemon.toml` shows the same keys with their defaults, and a test holds the two together. Every section is
frozen and refuses keys that it does not know.
"""

import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from naive_daemon.config.endpoint import parse_endpoint
from naive_daemon.config.exchange import BINANCE, Exchange
from naive_daemon.config.section import LocalPath, Section, expanded, in_words
from naive_daemon.config.service_url import postgres_url, redis_url
from naive_daemon.domain.account import ACCOUNT_NAME, ACCOUNT_NAME_WORDS
from naive_daemon.domain.money import parse_decimal

PROGRAM = "naive-daemon"
GENERATED = "generated"
NEVER = "never"
POOL_THREADS_MAX = 64
KILL_AFTER_MAX = 86_400
READ_LAG_S = 10
"""For so long Binance's reads may lag behind what it has done."""
SEND_WITHIN_S = 2
"""For so long an order may wait to be sent (`execution/client.py`)."""


def _kill_after(value: object) -> object:
    if value == NEVER:
        return value
    seconds = parse_decimal(str(value))
    if not 0 < seconds <= KILL_AFTER_MAX:
        raise ValueError("out of range")
    return float(seconds)


def _speed(value: object) -> object:
    if value == "max":
        return value
    speed = parse_decimal(str(value))
    if not 0 < speed <= SPEED_MAX:
        raise ValueError("out of range")
    return speed


def _feed(value: str) -> str:
    return value if value in (GENERATED, BINANCE) else str(expanded(Path(value)))


def _endpoint(value: str) -> str:
    parse_endpoint(value)
    return value


SPEED_MAX = Decimal(1_000_000)


AnySection = TypeVar("AnySection", bound=Section)


def _rising(section: AnySection, first: str, last: str) -> AnySection:
    if getattr(section, first) > getattr(section, last):
        raise ValueError(f"{first} is more than {last}")
    return section


class Database(Section):
    """The PostgreSQL server."""

    url: Annotated[SecretStr, AfterValidator(postgres_url)] | None = Field(
        default=None,
        description="Your own PostgreSQL server; without it an embedded one runs under `home`.",
        json_schema_extra=in_words("a URL like postgresql://user:password@host:5432/database"),
    )


class Redis(Section):
    """The Redis server."""

    url: Annotated[SecretStr, AfterValidator(redis_url)] | None = Field(
        default=None,
        description="Your own Redis server; without it an embedded one runs under `home`.",
        json_schema_extra=in_words("a URL like redis://host:6379/0, rediss://host:6379/0 or unix:///path/to/socket"),
    )
    encoding: Literal["msgpack", "json"] = Field(
        default="msgpack", description="How what is kept is encoded: msgpack is small, json is read by anything."
    )
    connect_timeout_s: float = Field(
        default=1, gt=0, le=60, allow_inf_nan=False, description="A connection that takes longer is given up."
    )
    answer_timeout_s: float = Field(
        default=2, gt=0, le=60, allow_inf_nan=False, description="A server that does not answer for so long is away."
    )
    buffer_interval_ms: int = Field(
        default=0, ge=0, le=10_000, description="How long a write may wait for others to be sent with it."
    )
    queue_max: int = Field(
        default=65_536,
        ge=1_000,
        le=10_000_000,
        description="So many writes wait while Redis is away; what comes then is told again when it is back.",
    )
    bulk_read_batch_size: int = Field(
        default=1_000, ge=1, le=100_000, description="So many objects are read at once when many are loaded."
    )


class Market(Section):
    """Where trades come from."""

    feed: Annotated[str, AfterValidator(_feed)] = Field(
        default=GENERATED,
        min_length=1,
        description="`generated`, `binance` (its live market), or the path of a recorded file (trades or aggTrades).",
        json_schema_extra=in_words("generated, binance or the path of a recorded file"),
    )
    seed: int = Field(
        default=1, ge=0, le=2**63 - 1, description="Seed of the generated market: the same seed, the same day."
    )
    trades_per_s: int = Field(
        default=20,
        ge=1,
        le=10_000,
        description="Trades of each symbol in a second of the generated market, on average.",
    )
    speed: Annotated[Decimal | Literal["max"], BeforeValidator(_speed)] = Field(
        default=Decimal(1),
        description="How many seconds of a feed pass in one second; `max` goes as fast as the machine can.",
        json_schema_extra=in_words(f"max or a number, more than 0 and at most {SPEED_MAX}"),
    )


class Execution(Section):
    """How orders are followed."""

    request_timeout_s: float = Field(
        default=10,
        ge=1,
        le=120,
        allow_inf_nan=False,
        description="An order without any word from the exchange for so long is unknown: it is asked for.",
    )
    never_placed_after_s: float = Field(
        default=20,
        ge=1,
        le=600,
        allow_inf_nan=False,
        description="An unknown order that is not found for so long, by several questions, was never placed.",
    )
    reconcile_interval_s: float = Field(
        default=60,
        gt=0,
        le=3_600,
        allow_inf_nan=False,
        description="How often the journal is compared with the exchange, beside every start and reconnection.",
    )


class Log(Section):
    """What is logged, and where to."""

    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is logged.")
    format: Literal["auto", "text", "json"] = Field(
        default="auto",
        description="Text for people, one JSON object a line for machines; auto asks whether a terminal reads.",
    )
    file: LocalPath | None = Field(
        default=None,
        description="Log into this file instead of standard error.",
        json_schema_extra=in_words("the path of a file"),
    )


class Supervision(Section):
    """How often parts may crash before the next larger part is restarted, and how symbols are quarantined."""

    pool_threads: int = Field(
        default_factory=lambda: min(4, os.cpu_count() or 1),
        ge=1,
        le=POOL_THREADS_MAX,
        description="Threads that run the actors which never block.",
    )
    trader_restarts: int = Field(
        default=3, ge=0, le=1_000, description="Crashes of traders that their symbol survives …"
    )
    trader_period_s: float = Field(
        default=5, gt=0, le=86_400, allow_inf_nan=False, description="… within so many seconds."
    )
    symbol_restarts: int = Field(
        default=3, ge=0, le=1_000, description="Crashes of a symbol before it is quarantined …"
    )
    symbol_period_s: float = Field(
        default=60, gt=0, le=86_400, allow_inf_nan=False, description="… within so many seconds."
    )
    quarantine_first_s: float = Field(
        default=60,
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        description="Pause before the first retry of a quarantined symbol.",
    )
    quarantine_max_s: float = Field(
        default=3_600,
        gt=0,
        le=604_800,
        allow_inf_nan=False,
        description="The pause doubles with each retry, up to this.",
    )

    stuck_after_s: float = Field(
        default=5,
        gt=0,
        le=3_600,
        allow_inf_nan=False,
        description="An actor that does not come back from a message for so long is stuck: its thread is replaced.",
    )
    kill_stuck_after_s: Annotated[float | Literal["never"], BeforeValidator(_kill_after)] = Field(
        default=30,
        description="A stuck actor is killed after so many seconds, and started afresh by its supervisor.",
        json_schema_extra=in_words(f"never or a number, more than 0 and at most {KILL_AFTER_MAX}"),
    )

    @model_validator(mode="after")
    def _pauses_rise(self) -> Self:
        if self.kill_stuck_after_s != NEVER:
            _rising(self, "stuck_after_s", "kill_stuck_after_s")
        return _rising(self, "quarantine_first_s", "quarantine_max_s")


class Journal(Section):
    """How intents and fills are committed."""

    batch_max: int = Field(default=500, ge=1, le=10_000, description="The most entries that share one commit.")
    retry_first_s: float = Field(
        default=0.125,
        gt=0,
        le=60,
        allow_inf_nan=False,
        description="Pause before the first retry when the database is away.",
    )
    retry_max_s: float = Field(
        default=5, gt=0, le=600, allow_inf_nan=False, description="The pause doubles with each retry, up to this."
    )

    @model_validator(mode="after")
    def _pauses_rise(self) -> Self:
        return _rising(self, "retry_first_s", "retry_max_s")


class Metadata(Section):
    """What is remembered of symbols beside what the exchange can tell, kept in Redis."""

    debounce_s: float = Field(
        default=0.25,
        ge=0,
        le=60,
        allow_inf_nan=False,
        description="What changes within so many seconds is written once; the same for balances.",
    )


class Metrics(Section):
    """Metrics for Prometheus."""

    listen: Annotated[str, AfterValidator(_endpoint)] | None = Field(
        default=None,
        description="Serve metrics by HTTP at this address; port 0 takes any free one, and the log says which.",
        json_schema_extra=in_words("a host and a port like 127.0.0.1:9108 or [::1]:9108"),
    )


class Config(Section):
    """Everything a person may set. Secrets show as `**********` wherever the object is printed."""

    home: LocalPath = Field(
        default_factory=lambda: platformdirs.user_data_path(PROGRAM),
        description="Directory of the daemon's data: lock, embedded servers, their logs.",
    )
    account: str = Field(
        default="main",
        pattern=ACCOUNT_NAME,
        description="The account that is traded.",
        json_schema_extra=in_words(ACCOUNT_NAME_WORDS),
    )
    shutdown_timeout_s: float = Field(
        default=5,
        gt=0,
        le=600,
        allow_inf_nan=False,
        description="How long an orderly stop may take before it is forced.",
    )
    market: Market = Field(default=Market(), description="Where trades come from.")
    exchange: Exchange = Field(default=Exchange(), description="The exchange that is traded on.")
    database: Database = Field(default=Database(), description="The PostgreSQL server.")
    redis: Redis = Field(default=Redis(), description="The Redis server.")
    metadata: Metadata = Field(default=Metadata(), description="What is remembered of symbols.")
    log: Log = Field(default=Log(), description="What is logged, and where to.")
    supervision: Supervision = Field(default=Supervision(), description="How crashes escalate.")
    journal: Journal = Field(default=Journal(), description="How intents and fills are committed.")
    execution: Execution = Field(default=Execution(), description="How orders are followed.")
    metrics: Metrics = Field(default=Metrics(), description="Metrics for Prometheus.")

    @model_validator(mode="after")
    def _no_order_is_given_up_too_early(self) -> Self:
        """Refuse times within which Binance may still take an order that would be called never placed."""
        execution, binance = self.execution, self.exchange.binance
        least_s = READ_LAG_S + binance.recv_window_ms / 1_000
        if execution.never_placed_after_s < least_s:
            raise ValueError(
                f"execution.never_placed_after_s is less than {READ_LAG_S} s and exchange.binance.recv_window_ms "
                f"together ({least_s:g} s): an order might still be placed"
            )
        if execution.request_timeout_s < SEND_WITHIN_S + binance.answer_timeout_s:
            raise ValueError(
                f"execution.request_timeout_s is less than {SEND_WITHIN_S} s and exchange.binance.answer_timeout_s "
                "together: an order might still wait to be sent"
            )
        return self
