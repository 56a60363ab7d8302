"""The keys of `[exchange]`: which exchange is traded on, what a paper account begins with, how Binance is reached."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from naive_daemon.config.section import LocalPath, Section, in_words

BINANCE = "binance"


def _web_url(*schemes: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in schemes or not parts.hostname or parts.username or parts.query:
            raise ValueError("not such a URL")
        _ = parts.port  # raises ValueError for one that is out of range
        return value.rstrip("/")

    return check


def _upper_keys(value: object) -> object:
    """Asset names are upper case; environment variables, which name them too, are read in lower case."""
    return {str(key).upper(): item for key, item in value.items()} if isinstance(value, dict) else value


Amount = Annotated[Decimal, Field(ge=0, le=Decimal(10) ** 15, allow_inf_nan=False)]
Asset = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,20}$")]


class Binance(Section):
    """How Binance is reached: its market, and the account that is traded there."""

    network: Literal["mainnet", "testnet"] | None = Field(
        default=None,
        description="Which of Binance's networks; orders need it named, or all three URLs. Markets: mainnet.",
    )
    rest_url: Annotated[str, AfterValidator(_web_url("http", "https"))] | None = Field(
        default=None,
        description="Base URL of the REST API, instead of the network's.",
        json_schema_extra=in_words("a URL like https://api.binance.com"),
    )
    ws_api_url: Annotated[str, AfterValidator(_web_url("ws", "wss"))] | None = Field(
        default=None,
        description="URL of the WebSocket API, instead of the network's.",
        json_schema_extra=in_words("a URL like wss://ws-api.binance.com:443/ws-api/v3"),
    )
    stream_url: Annotated[str, AfterValidator(_web_url("ws", "wss"))] | None = Field(
        default=None,
        description="Base URL of the market streams, instead of the network's.",
        json_schema_extra=in_words("a URL like wss://stream.binance.com:9443"),
    )
    api_key: SecretStr | None = Field(
        default=None,
        description="The account's API key: only from the environment, a credential, or a file of mode 0600.",
        json_schema_extra=in_words("the key's text"),
    )
    api_secret: SecretStr | None = Field(
        default=None,
        description="The secret of an HMAC key.",
        json_schema_extra=in_words("the secret's text"),
    )
    private_key_file: LocalPath | None = Field(
        default=None,
        description="The private key of an Ed25519 key, in PEM, mode 0600; instead of `api_secret`.",
        json_schema_extra=in_words("the path of a file"),
    )
    recv_window_ms: int = Field(
        default=5_000, ge=100, le=60_000, description="How late a signed request may reach Binance."
    )
    answer_timeout_s: float = Field(
        default=5,
        gt=0,
        le=60,
        allow_inf_nan=False,
        description="A request without an answer after so long has an unknown outcome.",
    )
    stale_after_s: float = Field(
        default=60,
        gt=0,
        le=600,
        allow_inf_nan=False,
        description="A stream that is silent for so long, pings included, is dead: it is opened again.",
    )
    clock_drift_max_ms: int = Field(
        default=1_000, ge=1, le=60_000, description="A clock that is off by more is told, and entries wait."
    )
    refresh_s: float = Field(
        default=300,
        gt=0,
        le=86_400,
        allow_inf_nan=False,
        description="How often it is asked which symbols are halted, by which filters they trade, and what time it is.",
    )

    @model_validator(mode="after")
    def _one_kind_of_key(self) -> Self:
        if self.api_secret is not None and self.private_key_file is not None:
            raise ValueError("api_secret and private_key_file are both given: a key has one of them")
        return self


class Exchange(Section):
    """The exchange that is traded on, and what the paper exchange starts with."""

    name: Literal["paper", "binance"] = Field(default="paper", description="Which exchange.")
    fill_model: Literal["through", "volume"] = Field(
        default="through",
        description="When the paper exchange fills: whole once a trade prints through the price, or by traded volume.",
    )
    maker_fee: Decimal = Field(
        default=Decimal("0.001"),
        ge=0,
        le=Decimal("0.1"),
        allow_inf_nan=False,
        description="Commission of the paper exchange as a ratio (0.001 is 0.1 %).",
    )
    balances: Annotated[dict[Asset, Amount], BeforeValidator(_upper_keys)] = Field(
        default={"USDT": Decimal(100_000), "ETH": Decimal(1_000), "BTC": Decimal(10)},
        description="What a new paper account holds, by asset.",
        json_schema_extra=in_words("a table of assets (upper case) and amounts, at least 0"),
    )
    exchange_info: LocalPath | None = Field(
        default=None,
        description="File with Binance's exchangeInfo: which symbols there are and their filters.",
        json_schema_extra=in_words("the path of a file"),
    )
    binance: Binance = Field(default=Binance(), description="How Binance is reached.")
