"""Subscriptions of a market connection: whatever is wanted in between, in the end it has what is wanted."""

import json
import random

from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.exchange.binance.market_subscription import REQUEST_STREAMS_MAX, StreamRequest, Subscriptions


def sent(subscriptions: Subscriptions) -> list[StreamRequest]:
    requests = []
    while (request := subscriptions.next_request()) is not None:
        requests.append(request)
    return requests


def granted(subscriptions: Subscriptions, request: StreamRequest) -> None:
    answered = subscriptions.take_answer(request.number)
    assert answered is request
    subscriptions.grant(answered)


def test_many_streams_share_requests() -> None:
    wanted = {f"s{number}q@trade" for number in range(2 * REQUEST_STREAMS_MAX + 1)}
    subscriptions = Subscriptions(wanted)
    requests = sent(subscriptions)
    assert [len(request.streams) for request in requests] == [REQUEST_STREAMS_MAX, REQUEST_STREAMS_MAX, 1]
    assert max(len(request.text) for request in requests) < 4_096
    assert {stream for request in requests for stream in request.streams} == wanted


def test_a_request_as_it_is_written() -> None:
    (request,) = sent(Subscriptions({"btcusdt@trade", "ethusdt@kline_1m"}))
    assert json.loads(request.text) == {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@kline_1m"], "id": 1}


def test_it_is_complete_when_all_is_granted() -> None:
    wanted = {"aaaq@trade"}
    subscriptions = Subscriptions(wanted)
    (request,) = sent(subscriptions)
    assert not subscriptions.is_complete
    assert subscriptions.is_unanswered(request)
    granted(subscriptions, request)
    assert subscriptions.is_complete
    assert not subscriptions.is_unanswered(request)
    wanted.add("bbbq@trade")
    assert not subscriptions.is_complete
    wanted.discard("bbbq@trade")
    assert subscriptions.is_complete
    assert sent(subscriptions) == []


def test_what_was_given_up_before_it_was_granted_stays_given_up() -> None:
    wanted = {"aaaq@trade"}
    subscriptions = Subscriptions(wanted)
    (request,) = sent(subscriptions)
    wanted.clear()
    (surplus,) = sent(subscriptions)
    assert (surplus.method, surplus.streams) == ("UNSUBSCRIBE", ("aaaq@trade",))
    granted(subscriptions, request)
    assert subscriptions.confirmed == set()


def test_an_answer_to_nothing_and_an_answer_twice() -> None:
    subscriptions = Subscriptions({"aaaq@trade"})
    (request,) = sent(subscriptions)
    assert subscriptions.take_answer(99) is None
    granted(subscriptions, request)
    assert subscriptions.take_answer(request.number) is None


def test_a_question_changes_nothing() -> None:
    subscriptions = Subscriptions(set())
    question = subscriptions.question()
    assert json.loads(question.text) == {"method": "LIST_SUBSCRIPTIONS", "params": [], "id": 1}
    granted(subscriptions, question)
    assert subscriptions.confirmed == set()


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("ABCD")), max_size=40), st.randoms(use_true_random=False))
def test_in_the_end_the_exchange_has_what_is_wanted(changes: list[tuple[bool, str]], order: random.Random) -> None:
    """The exchange handles requests in order; answers come at any time after."""
    wanted: set[str] = set()
    subscriptions, at_exchange, answers = Subscriptions(wanted), set[str](), list[StreamRequest]()

    def level() -> None:
        for request in sent(subscriptions):
            change = at_exchange.update if request.method == "SUBSCRIBE" else at_exchange.difference_update
            change(request.streams)
            answers.append(request)

    for is_wanted, symbol in changes:
        (wanted.add if is_wanted else wanted.discard)(symbol)
        if order.random() < 0.5:
            level()
        if answers and order.random() < 0.5:
            granted(subscriptions, answers.pop(0))
        assert subscriptions.confirmed <= at_exchange
    level()
    for answer in answers:
        granted(subscriptions, answer)
    assert at_exchange == wanted == subscriptions.confirmed
