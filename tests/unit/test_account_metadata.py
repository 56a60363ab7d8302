"""An account's metadata in the cache database: restored first, written after changes, never lost by a race."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import structlog

from naive_daemon import names
from naive_daemon.account.account import FlushMetadata
from naive_daemon.account.metadata import CycleNoted, EntriesNoted, SymbolMetadata, noted
from naive_daemon.account.metadata_document import DocumentError, decode, encode, key_of
from naive_daemon.account.metadata_keeper import MetadataConfig, MetadataState
from naive_daemon.cache.messages import CacheEmptied, LoadDocument, SaveDocument
from naive_daemon.clock import NS_PER_S
from naive_daemon.otp import crash
from tests.unit.account_desk import ACCOUNT, Desk, ScriptedCache

KEY = key_of(ACCOUNT)
OPENED_NS = 1_764_302_400_123_456_789
BOUGHT = EntriesNoted("AAAQ", long=2, short=0, opened_ns=OPENED_NS)
SOLD = CycleNoted("AAAQ", Decimal("12.50"), Decimal("0.125"))
WHOLE = SymbolMetadata(
    entries_long=2, opened_ns=OPENED_NS, last_closed_price=Decimal("12.50"), last_cycle_profit=Decimal("0.125")
)
DEBOUNCE_S = MetadataConfig().debounce_s


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    before = structlog.get_config()
    capture = structlog.testing.LogCapture()
    structlog.configure(processors=[capture], cache_logger_on_first_use=False)
    yield capture.entries
    structlog.configure(**before)


@pytest.fixture
def cache() -> ScriptedCache:
    return ScriptedCache()


def kept(cache: ScriptedCache) -> dict[str, SymbolMetadata]:
    return decode(ACCOUNT, cache.documents[KEY])


def events(logs: list[Any], event: str) -> list[Any]:
    return [entry for entry in logs if entry["event"] == event]


# What is noted --------------------------------------------------------------------------------------------------------


def test_notes_change_what_they_say_and_nothing_else() -> None:
    assert noted(None, BOUGHT) == SymbolMetadata(entries_long=2, opened_ns=OPENED_NS)
    assert noted(noted(None, BOUGHT), SOLD) == WHOLE
    assert noted(WHOLE, CycleNoted("AAAQ", None, Decimal(3))).last_closed_price == Decimal("12.50")
    assert noted(WHOLE, EntriesNoted("AAAQ", 0, 1, None)) == msgspec.structs.replace(
        WHOLE, entries_long=0, entries_short=1, opened_ns=None
    )


def test_without_a_cache_metadata_lives_as_long_as_the_account() -> None:
    desk = Desk()
    desk.tell(BOUGHT, SOLD)
    view = desk.view()
    assert view.metadata == {"AAAQ": WHOLE}
    assert view.metadata_health.state is MetadataState.NOT_KEPT
    assert desk.system.ask(names.account(ACCOUNT), FlushMetadata())


# The document ---------------------------------------------------------------------------------------------------------


def test_a_document_gives_back_every_digit() -> None:
    exact = SymbolMetadata(opened_ns=OPENED_NS, last_closed_price=Decimal("0.000000000000000000010"))
    found = decode(ACCOUNT, encode(ACCOUNT, {"A:Q": exact, "ÄQ": WHOLE}))
    assert found == {"A:Q": exact, "ÄQ": WHOLE}
    assert str(found["A:Q"].last_closed_price) == str(exact.last_closed_price)


BAD: dict[str, tuple[bytes, str]] = {
    "no msgpack": (b"\xc1", "can not be decoded"),
    "nothing": (b"", "can not be decoded"),
    "cut off": (encode(ACCOUNT, {"AAAQ": WHOLE})[:-1], "can not be decoded"),
    "text": (b"hello", "can not be decoded"),
    "no version": (msgspec.msgpack.encode({"account": ACCOUNT, "symbols": {}}), "missing required field `version`"),
    "a later version": (
        msgspec.msgpack.encode({"version": 2, "tables": []}),
        "version 2, and this program reads version 1",
    ),
    "another account": (encode("other", {}), "it is of account other"),
    "a wrong type": (
        msgspec.msgpack.encode({"version": 1, "account": ACCOUNT, "symbols": {"AAAQ": {"entries_long": "2"}}}),
        "Expected `int`, got `str`",
    ),
}


@pytest.mark.parametrize(("value", "told"), BAD.values(), ids=BAD)
def test_what_is_no_document_is_refused(value: bytes, told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        decode(ACCOUNT, value)


# Restored before anything ---------------------------------------------------------------------------------------------


def test_metadata_is_there_when_the_start_is_over(cache: ScriptedCache) -> None:
    cache.documents[KEY] = encode(ACCOUNT, {"AAAQ": WHOLE})
    desk = Desk(cache)
    view = desk.view()
    assert view.metadata == {"AAAQ": WHOLE}
    assert view.metadata_health.state is MetadataState.RESTORED
    assert not view.metadata_health.is_pending
    desk.wait(60)
    assert cache.documents[KEY] == encode(ACCOUNT, {"AAAQ": WHOLE})


def test_a_start_waits_for_the_restore_and_not_for_ever(cache: ScriptedCache) -> None:
    cache.does[LoadDocument] = "hold"
    config = MetadataConfig(restore_timeout_s=3)
    desk = Desk(cache, config)
    desk.wait(2.9)
    assert desk.started == []
    desk.wait(0.1)
    assert len(desk.started) == 1
    assert desk.view().metadata_health.state is MetadataState.AWAY


def test_nothing_is_written_before_a_restore_and_what_is_kept_comes_back_below_what_was_noted(
    cache: ScriptedCache, logs: list[Any]
) -> None:
    cache.documents[KEY] = encode(ACCOUNT, {"AAAQ": WHOLE, "BBBQ": WHOLE})
    cache.does[LoadDocument] = "fail"
    desk = Desk(cache)
    desk.tell(EntriesNoted("AAAQ", long=7, short=0, opened_ns=5), EntriesNoted("AAAQ", long=8, short=0, opened_ns=5))
    desk.wait(120)
    view = desk.view()
    assert view.metadata == {"AAAQ": SymbolMetadata(entries_long=8, opened_ns=5)}
    assert (view.metadata_health.state, view.metadata_health.trouble) == (MetadataState.AWAY, "it is away")
    assert kept(cache) == {"AAAQ": WHOLE, "BBBQ": WHOLE}
    assert len(events(logs, "metadata not restored")) == 1
    cache.does[LoadDocument] = "answer"
    desk.wait(30)
    merged = {"AAAQ": msgspec.structs.replace(WHOLE, entries_long=8, opened_ns=5), "BBBQ": WHOLE}
    assert desk.view().metadata == merged
    desk.wait(DEBOUNCE_S)
    assert kept(cache) == merged
    assert desk.view().metadata_health.state is MetadataState.RESTORED
    assert len(events(logs, "metadata restored")) == 1


@pytest.mark.parametrize(("value", "told"), BAD.values(), ids=BAD)
def test_what_can_not_be_read_is_told_by_its_key_and_never_overwritten(
    cache: ScriptedCache, logs: list[Any], value: bytes, told: str
) -> None:
    cache.documents[KEY] = value
    desk = Desk(cache)
    desk.tell(BOUGHT)
    desk.wait(3_600)
    assert not desk.system.ask(names.account(ACCOUNT), FlushMetadata())
    health = desk.view().metadata_health
    assert health.state is MetadataState.UNREADABLE
    assert health.trouble is not None
    assert health.trouble.startswith(KEY)
    assert told in health.trouble
    (error,) = events(logs, "metadata not restored")
    assert (error["log_level"], error["key"]) == ("error", KEY)
    desk.end()
    assert cache.documents == {KEY: value}


def test_what_could_not_be_read_is_written_once_an_operator_has_removed_it(cache: ScriptedCache) -> None:
    cache.documents[KEY] = b"\xc1"
    desk = Desk(cache)
    desk.tell(BOUGHT)
    del cache.documents[KEY]
    desk.wait(MetadataConfig().retry_max_s + DEBOUNCE_S)
    assert kept(cache) == {"AAAQ": noted(None, BOUGHT)}


# Written after changes ------------------------------------------------------------------------------------------------


def test_changes_that_come_together_are_written_once(cache: ScriptedCache) -> None:
    cache.does[SaveDocument] = "hold"
    desk = Desk(cache)
    desk.tell(BOUGHT)
    desk.wait(DEBOUNCE_S / 2)
    desk.tell(SOLD)
    desk.wait(DEBOUNCE_S / 4)
    assert cache.calls == []
    desk.wait(DEBOUNCE_S / 4)
    (call,) = cache.calls
    assert decode(ACCOUNT, call.message.value) == {"AAAQ": WHOLE}


def test_a_note_that_changes_nothing_is_not_written(cache: ScriptedCache) -> None:
    desk = Desk(cache)
    desk.tell(BOUGHT)
    desk.wait(DEBOUNCE_S)
    del cache.documents[KEY]
    desk.tell(BOUGHT)
    desk.wait(60)
    assert cache.documents == {}


def test_a_change_during_a_write_is_written_after_it(cache: ScriptedCache) -> None:
    cache.does[SaveDocument] = "hold"
    desk = Desk(cache)
    desk.tell(BOUGHT)
    desk.wait(DEBOUNCE_S)
    desk.tell(SOLD)
    desk.wait(1)
    assert len(cache.calls) == 1  # two on their way might arrive in either order
    assert desk.view().metadata_health.is_pending
    cache.answer()
    desk.wait(DEBOUNCE_S)
    cache.answer()
    desk.wait(60)
    assert cache.calls == []
    assert kept(cache) == {"AAAQ": WHOLE}
    assert not desk.view().metadata_health.is_pending


@pytest.mark.parametrize("is_changed", [True, False], ids=["changed meanwhile", "as it was"])
def test_a_write_that_fails_is_made_again_with_what_is_so_then(
    cache: ScriptedCache, logs: list[Any], is_changed: bool
) -> None:
    cache.does[SaveDocument] = "fail"
    desk = Desk(cache)
    desk.tell(BOUGHT)
    desk.wait(DEBOUNCE_S)
    health = desk.view().metadata_health
    assert (health.is_pending, health.trouble) == (True, "it is away")
    if is_changed:
        desk.tell(SOLD)
    desk.wait(100)
    assert len(events(logs, "metadata not written")) == 1
    cache.does[SaveDocument] = "answer"
    desk.wait(MetadataConfig().retry_max_s)
    assert kept(cache) == {"AAAQ": WHOLE if is_changed else noted(None, BOUGHT)}
    health = desk.view().metadata_health
    assert (health.is_pending, health.trouble) == (False, None)
    assert len(events(logs, "metadata written again")) == 1


def test_pauses_between_failing_writes_double_up_to_a_bound(cache: ScriptedCache) -> None:
    cache.does[SaveDocument] = "hold"
    desk = Desk(cache, MetadataConfig(debounce_s=0, retry_first_s=1, retry_max_s=4))
    desk.tell(BOUGHT)
    waited: list[int] = []
    for _ in range(5):
        began_ns = desk.clock.now_ns()
        while not cache.calls:
            desk.wait(1)
        waited.append((desk.clock.now_ns() - began_ns) // NS_PER_S)
        cache.calls.pop().fail(crash("it is away"))
        desk.system.run_until_idle()
    assert waited == [1, 1, 2, 4, 4]


def test_a_write_without_an_answer_is_made_again(cache: ScriptedCache) -> None:
    cache.does[SaveDocument] = "hold"
    desk = Desk(cache)
    desk.tell(BOUGHT)
    desk.wait(DEBOUNCE_S + MetadataConfig().write_timeout_s)
    assert desk.view().metadata_health.trouble == "timeout"
    cache.does[SaveDocument] = "answer"
    desk.wait(1)
    assert kept(cache) == {"AAAQ": noted(None, BOUGHT)}
    cache.answer()  # at last, and it is not news
    desk.wait(60)
    assert desk.view().metadata_health.trouble is None


def test_everything_is_written_again_when_the_database_has_lost_it(cache: ScriptedCache) -> None:
    cache.documents[KEY] = encode(ACCOUNT, {"AAAQ": WHOLE})
    desk = Desk(cache)
    cache.documents.clear()
    desk.tell(CacheEmptied())
    desk.wait(DEBOUNCE_S)
    assert kept(cache) == {"AAAQ": WHOLE}


def test_a_database_that_was_lost_before_it_was_read_is_read_at_once(cache: ScriptedCache) -> None:
    cache.documents[KEY] = b"\xc1"
    desk = Desk(cache)
    desk.tell(BOUGHT)
    cache.documents.clear()
    desk.tell(CacheEmptied())
    desk.wait(DEBOUNCE_S)
    assert kept(cache) == {"AAAQ": noted(None, BOUGHT)}


# The end --------------------------------------------------------------------------------------------------------------


def test_a_flush_writes_at_once_and_says_when_it_is_done(cache: ScriptedCache) -> None:
    desk = Desk(cache)
    desk.tell(BOUGHT)
    assert desk.system.ask(names.account(ACCOUNT), FlushMetadata()) is True
    assert kept(cache) == {"AAAQ": noted(None, BOUGHT)}
    assert desk.system.ask(names.account(ACCOUNT), FlushMetadata()) is True


def test_a_flush_waits_for_what_changed_during_a_write(cache: ScriptedCache) -> None:
    cache.does[SaveDocument] = "hold"
    desk = Desk(cache)
    desk.tell(BOUGHT)
    desk.wait(DEBOUNCE_S)
    desk.tell(SOLD)
    cache.does[SaveDocument] = "answer"
    cache.answer()
    assert desk.system.ask(names.account(ACCOUNT), FlushMetadata()) is True
    assert kept(cache) == {"AAAQ": WHOLE}


def test_a_flush_that_fails_says_so(cache: ScriptedCache) -> None:
    cache.does[SaveDocument] = "fail"
    desk = Desk(cache)
    desk.tell(BOUGHT)
    assert desk.system.ask(names.account(ACCOUNT), FlushMetadata()) is False


def test_an_orderly_end_writes_what_is_left(cache: ScriptedCache) -> None:
    desk = Desk(cache)
    desk.tell(BOUGHT)
    desk.end()
    assert kept(cache) == {"AAAQ": noted(None, BOUGHT)}


def test_what_is_on_its_way_at_the_end_is_sent_with_what_has_changed_since(cache: ScriptedCache) -> None:
    cache.does[SaveDocument] = "hold"
    desk = Desk(cache)
    desk.tell(BOUGHT)
    desk.wait(DEBOUNCE_S)
    desk.tell(SOLD)
    desk.end()
    first, last = cache.calls
    assert decode(ACCOUNT, last.message.value) == {"AAAQ": WHOLE}
    assert first.message.value != last.message.value


def test_an_end_before_the_restore_writes_nothing(cache: ScriptedCache) -> None:
    cache.documents[KEY] = encode(ACCOUNT, {"AAAQ": WHOLE})
    cache.does[LoadDocument] = "fail"
    desk = Desk(cache)
    desk.tell(EntriesNoted("AAAQ", long=7, short=0, opened_ns=5))
    desk.end()
    assert kept(cache) == {"AAAQ": WHOLE}
