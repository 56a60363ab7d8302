"""Any value as text: short, canonical, without secrets, and without running any code of the value's class."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import random
import uuid
from pathlib import PurePosixPath
from typing import Any, NamedTuple, NoReturn

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from naive_daemon.otp import NORMAL, Actor, Call, Supervisor, crash
from naive_daemon.otp.description import ATTRIBUTES_MAX, describe, describe_state
from naive_daemon.otp.secret import HIDDEN, hide_secrets, names_secret

PASSWORD = "se:s@me"  # noqa: S105 - opens nothing
URL = f"postgresql://naive:{PASSWORD}@host:5432/books"


class Side(enum.StrEnum):
    BUY = "buy"


class Flag(enum.IntFlag):
    A = 1
    B = 2


class Order(msgspec.Struct, frozen=True):
    price: decimal.Decimal
    side: Side
    api_key: str = PASSWORD


class Pair(NamedTuple):
    token: str
    size: int


@dataclasses.dataclass(slots=True)
class Slotted:
    size: int
    credential: object = None


@dataclasses.dataclass
class Plain:
    size: int
    unset: int = dataclasses.field(init=False)


class Hostile:
    """Raises, whatever is asked of it."""

    def _refuse(self, *_: object) -> NoReturn:
        raise AssertionError("its code ran")

    __repr__ = __str__ = __len__ = __iter__ = __hash__ = __eq__ = __bool__ = __format__ = __getattr__ = _refuse

    @property  # type: ignore[misc] # a class that can not be read is the point
    def __class__(self) -> NoReturn:  # type: ignore[override] # the same
        raise AssertionError("its code ran")


class HostileList(list[Any]):
    __iter__ = __len__ = __repr__ = __getitem__ = Hostile._refuse


class HostileDict(dict[Any, Any]):
    __iter__ = items = __len__ = __repr__ = Hostile._refuse


class HostileText(str):
    __slots__ = ()
    __str__ = __repr__ = __getitem__ = __len__ = Hostile._refuse


class Holder:
    """Something that keeps a secret as pydantic does."""

    def get_secret_value(self) -> str:
        return PASSWORD


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (True, "True"),
        (-3, "-3"),
        (1.5, "1.5"),
        (float("nan"), "nan"),
        (decimal.Decimal("0.00100"), "0.00100"),
        ("a\n\x1b[31m'", '"a\\n\\x1b[31m\'"'),
        (b"\x00ab", r"b'\x00ab'"),
        (bytearray(b"ab"), "b'ab'"),
        (Side.BUY, "Side.BUY"),
        (Flag.A | Flag.B, "Flag.A|B"),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "2026-01-02T00:00:00+00:00"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.timedelta(milliseconds=1500), "1.5 s"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("/a/b"), "'/a/b'"),
        (range(1, 9, 2), "range(1, 9, 2)"),
        (10**100, "<int of 333 bits>"),
        ([1, [2]], "[1, [2]]"),
        ((1,), "(1)"),
        (collections.deque([1]), "[1]"),
        ({"a": 1, 2: ()}, "{'a': 1, 2: ()}"),
        ({3, 1, 2}, "{1, 2, 3}"),
        (frozenset(), "set()"),
        (Order(decimal.Decimal(1), Side.BUY), f"Order(price=1, side=Side.BUY, api_key={HIDDEN})"),
        (Pair("x", 2), f"Pair(token={HIDDEN}, size=2)"),
        (Slotted(1, "x"), f"Slotted(size=1, credential={HIDDEN})"),
        (Plain(1), "Plain(size=1)"),
        (ValueError("boom", 1), "ValueError('boom', 1)"),
        (crash(KeyError("k")), "ExitReason(kind='crash', detail=KeyError('k'))"),
        (NORMAL, "ExitReason(kind='normal', detail=None)"),
        (len, "<function len>"),
        (lambda: 1, "<function lambda>"),
        ([].append, "<function append>"),
        (int, "<class int>"),
        (object(), "<object>"),
        (random.Random(1), "<Random>"),
        (Call("ask", print, print), "Call(message='ask')"),
        (Hostile(), "<Hostile>"),
        ([Hostile()], "[<Hostile>]"),
        (HostileList([1]), "[1]"),
        (HostileDict(a=1), "{'a': 1}"),
        (HostileText("ab"), "'ab'"),
        (SecretStr("x"), HIDDEN),
        (Holder(), HIDDEN),
    ],
    ids=lambda value: value if type(value) is str and value.isascii() else type(value).__name__,
)
def test_values(value: object, text: str) -> None:
    assert describe(value) == text


def test_a_ref_is_its_label_and_number() -> None:
    actor = Actor()
    actor.name = ("trader", "BTCUSDT", 1)
    assert describe([actor.ref]) == "[trader:BTCUSDT:1#0]"
    actor.name = (Hostile(), "x")
    assert describe(actor.ref) == "<Hostile>:x#0"
    assert describe(Actor().ref) == "Actor#0"


@pytest.mark.parametrize(
    "value",
    [
        URL,
        f"could not connect to {URL}, giving up",
        f"password={PASSWORD}",
        f'{{"api_key": "{PASSWORD} and more"}}',
        f"Authorization: Bearer {PASSWORD}",
        {"password": PASSWORD},
        {b"authorization": PASSWORD},
        {"outer": {"DB_PASSWORD": [PASSWORD]}},
        [("Cookie", PASSWORD)],
        ["token", PASSWORD],
        Order(decimal.Decimal(1), Side.BUY, PASSWORD),
        Slotted(1, {"x": PASSWORD}),
        SecretStr(PASSWORD),
        OSError(f"refused: {URL}"),
        URL.encode(),
        "x" * 150 + URL,
        f"-----BEGIN RSA PRIVATE KEY-----\n{PASSWORD}\n-----END RSA PRIVATE KEY-----",
        PurePosixPath(f"/x/token={PASSWORD}"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_secrets_are_hidden(value: object) -> None:
    for limit in range(400):
        text = describe(value, limit)
        assert "s@me" not in text
        assert "se:" not in text


def test_what_is_no_secret_stays() -> None:
    text = "at http://host:8080/path and token_count of 3: all well"
    assert describe(text) == repr(text)
    assert hide_secrets("host:5432 x=1") == "host:5432 x=1"
    assert hide_secrets("env:PREFIX, credential:second or file:/path") == "env:PREFIX, credential:second or file:/path"
    assert hide_secrets("my-credential:sesame credential: sesame") == f"my-credential:{HIDDEN} credential: {HIDDEN}"


@pytest.mark.parametrize(
    "name",
    [
        "pw", "db_pw", "userPw", "DB_PW", "auth", "http_auth", "proxyAuth", "auth_key", "auth-header", "bearer", "jwt",
        "jwtToken", "JWTHeader", "session", "session_id", "sessionId", "aws-session", "mnemonic", "wallet_mnemonic",
        "seed_phrase", "seedPhrase", "seed-phrase", "recovery_phrase", "listen_key", "listenKey", "LISTENKEY",
    ],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert names_secret(name)
    assert names_secret(name.encode())
    assert hide_secrets(f"{name}=sesame") == f"{name}={HIDDEN}"
    assert hide_secrets(f'{{"{name}": "sesame oil"}}') == f'{{"{name}": {HIDDEN}}}'


@pytest.mark.parametrize(
    "name",
    [
        "author", "authority", "authenticated", "auth_failures", "session_count", "sessions", "obsession", "pwm",
        "spwan", "forbearer", "bearers", "seed", "phrase", "listen", "listener", "key", "mnemonics", "symbol",
    ],
)  # fmt: skip
def test_names_of_no_secrets(name: str) -> None:
    assert not names_secret(name)
    assert hide_secrets(f"{name}=sesame") == f"{name}=sesame"


def test_bearer_tokens_and_phrases_are_hidden_in_texts() -> None:
    assert hide_secrets("sent Bearer XYZ twice") == f"sent Bearer {HIDDEN} twice"
    assert hide_secrets("bearer eyJhbGci.e30.abc-_x") == f"bearer {HIDDEN}"
    assert hide_secrets("BEARER abcdefghijklmnop") == f"BEARER {HIDDEN}"
    assert hide_secrets("a bearer of bad news, the bearer.") == "a bearer of bad news, the bearer."
    assert hide_secrets("seed phrase: apple bear cat dog") == f"seed phrase: {HIDDEN}"
    assert hide_secrets("mnemonic=apple bear cat\n1 more") == f"mnemonic={HIDDEN}\n1 more"


def test_bounds() -> None:
    assert describe("x" * 1_000, 10) == "'xxxxxxxx…"
    assert describe(list(range(100)), 1_000).endswith("31, … 68 more]")
    assert describe(dict.fromkeys(range(100), 1), 1_000).endswith("31: 1, … 68 more}")
    assert describe(set(range(100))) == "<set of 100>"
    assert describe([[[[[[1]]]]]]) == "[[[[[[…]]]]]]"
    assert describe([], 0) == ""


def test_a_loop_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert len(describe([endless] * 1_000, 500)) <= 500


def test_it_is_quick_for_what_is_huge() -> None:
    huge: Any = "x"
    for _ in range(40):
        huge = [huge] * 40
    assert len(describe(huge)) <= 200
    assert len(describe("://a:" * 1_000_000)) <= 200


def test_sets_are_told_in_one_order_in_every_process() -> None:
    words = [f"word {number}" for number in range(20)]
    texts = set()
    for seed in range(5):
        random.Random(seed).shuffle(words)
        texts.add(describe(frozenset(frozenset({word, word + "!"}) for word in words), 2_000))
    assert len(texts) == 1


class Trader(Actor):
    __slots__ = ("slot",)

    def __init__(self) -> None:
        super().__init__()
        self.symbol = "BTCUSDT"
        self._secret_key = PASSWORD
        self.slot = 3


def test_state_is_the_actors_own() -> None:
    trader = Trader()
    trader.name = "t"
    assert describe_state(trader) == {"symbol": "'BTCUSDT'", "_secret_key": HIDDEN, "slot": "3"}
    assert describe_state(Actor()) == {}
    assert "_strategy" in describe_state(Supervisor([]))


def test_state_is_bounded() -> None:
    trader = Trader()
    for number in range(200):
        setattr(trader, f"a{number}", "x" * 1_000)
    state = describe_state(trader, 50)
    assert len(state) == ATTRIBUTES_MAX + 1
    assert state["…"] == f"{203 - ATTRIBUTES_MAX} more"
    assert max(map(len, state.values())) <= 50


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.decimals() | st.datetimes(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(VALUES, st.integers(0, 300))
def test_any_value_within_any_limit(value: object, limit: int) -> None:
    text = describe(value, limit)
    assert len(text) <= limit
    assert text.isprintable()
    assert describe(value, limit) == text
