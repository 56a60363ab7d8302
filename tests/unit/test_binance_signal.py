"""Every kind of signal: what Binance says, or does not, and what that means."""

import pytest

from naive_daemon.exchange.binance.signal import (
    Accepted,
    Answer,
    BadCredentials,
    Banned,
    ClockOff,
    Duplicate,
    Lost,
    NotFound,
    NotSent,
    OrderLimit,
    Refused,
    Signal,
    Unknown,
    signal_of,
)

NOW_MS = 1_659_146_000_000
UNTIL = "Way too much request weight used; IP banned until 1659146400000. Please use WebSocket Streams."


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        # Any 5xx, and the codes of internal failures: nobody knows.
        *[(Answer(status=status), Unknown) for status in (500, 502, 503, 504, 599)],
        *[(Answer(status=400, code=code, message="x"), Unknown) for code in (-1000, -1001, -1006, -1007)],
        (Answer(status=503, code=-1008, message="Server is currently overloaded"), Unknown),
        (Answer(status=500, code=-2010, message="Filter failure"), Unknown),
        (Answer(status=408), Unknown),
        (Answer(status=302), Unknown),
        (Answer(status=0), Unknown),
        (Lost.AFTER_SEND, Unknown),
        # Before the send: it did not happen.
        (Lost.BEFORE_SEND, NotSent),
        (Answer(status=403), NotSent),
        # Too much.
        (Answer(status=429), Banned),
        (Answer(status=418), Banned),
        (Answer(status=400, code=-1003, message="Too many requests queued."), Banned),
        (Answer(status=429, code=-1003), Banned),
        (Answer(status=429, code=-1015, message="Too many new orders."), OrderLimit),
        (Answer(status=400, code=-1015, message="Too many new orders."), OrderLimit),
        # Refused.
        *[
            (Answer(status=400, code=code, message="x"), Refused)
            for code in (-1013, -1100, -1102, -1106, -1111, -1121, -2010, -1130, -9999)
        ],
        (Answer(status=404), Refused),
        (Answer(status=400, code=-2010, message="Account has insufficient balance for requested action."), Refused),
        (Answer(status=400, code=-2010, message="Duplicate order sent."), Duplicate),
        (Answer(status=400, code=-1021, message="Timestamp for this request is outside"), ClockOff),
        *[(Answer(status=400, code=code), BadCredentials) for code in (-1002, -1022, -2014, -2015)],
        (Answer(status=401, code=-2015), BadCredentials),
        (Answer(status=401), BadCredentials),
        *[(Answer(status=400, code=code), NotFound) for code in (-2011, -2013, -2026)],
        (Answer(status=200, body=b"{}"), Accepted),
    ],
)
def test_what_an_answer_means(answer: Answer | Lost, kind: type[Signal]) -> None:
    assert type(signal_of(answer, NOW_MS)) is kind


def test_a_refusal_says_the_exchanges_words() -> None:
    answer = Answer(status=400, code=-1013, message="Filter failure: LOT_SIZE")
    assert signal_of(answer, NOW_MS) == Refused(-1013, "Filter failure: LOT_SIZE")


@pytest.mark.parametrize(
    ("answer", "for_s"),
    [
        (Answer(status=429, retry_after_s=7), 7),
        (Answer(status=418, code=-1003, message=UNTIL), 400),
        (Answer(status=418, code=-1003, message="Way too much", retry_at_ms=NOW_MS + 2_500), 2.5),
        (Answer(status=418, code=-1003, message=UNTIL, retry_after_s=7), 400),  # the longest of what is said
        (Answer(status=418, retry_after_s=0), 60),
        (Answer(status=429, retry_at_ms=NOW_MS - 1), 60),
        (Answer(status=418, retry_at_ms=10**30), 3 * 24 * 3600),
        (Answer(status=429, code=-1015), 10),
        (Answer(status=429, code=-1015, retry_after_s=3), 3),
    ],
)
def test_how_long_everything_stops(answer: Answer, for_s: float) -> None:
    signal = signal_of(answer, NOW_MS)
    assert isinstance(signal, Banned | OrderLimit)
    assert signal.for_s == for_s
