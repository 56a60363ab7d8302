"""The budget of an account: its laws, whatever is asked in whatever order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from naive_daemon.exchange.binance.address_weight import AddressWeight
from naive_daemon.exchange.binance.budget import DEFAULT_LIMITS, Budget, Cost, Grant, Kind, Limit, Priority
from naive_daemon.exchange.binance.limits import CLOCK_ERROR_MS
from naive_daemon.exchange.binance.usage import apply_headers, apply_rate_limits, limits_of
from naive_daemon.exchange.binance.wire import RateLimit

MINUTE_MS = 60_000
DAY_MS = 86_400_000
SMALL = (Limit(Kind.WEIGHT, MINUTE_MS, 100), Limit(Kind.ORDERS, 10_000, 10))

costs = st.builds(Cost, st.integers(0, 20), st.integers(0, 1))
asks = st.lists(st.tuples(costs, st.sampled_from(Priority), st.integers(0, 5_000)), max_size=200)


@given(asks)
def test_what_is_granted_in_a_window_stays_within_its_limit(asked: list[tuple[Cost, Priority, int]]) -> None:
    budget, now_ms = Budget(SMALL), 0
    granted: dict[tuple[Kind, int], int] = {}
    for cost, priority, pause_ms in asked:
        now_ms += pause_ms
        if budget.take(cost, priority, now_ms) is not None:
            for limit, amount in zip(SMALL, (cost.weight, cost.orders), strict=True):
                key = (limit.kind, now_ms // limit.window_ms)
                granted[key] = granted.get(key, 0) + amount
    maximum = {limit.kind: limit.maximum for limit in SMALL}
    assert all(amount <= maximum[kind] for (kind, _), amount in granted.items())


@given(asks, costs)
def test_who_goes_before_another_gets_whatever_that_one_would(
    asked: list[tuple[Cost, Priority, int]], cost: Cost
) -> None:
    def after(priority: Priority) -> bool:
        budget, now_ms = Budget(SMALL), 0
        for each, its_priority, pause_ms in asked:
            now_ms += pause_ms
            budget.take(each, its_priority, now_ms)
        return budget.take(cost, priority, now_ms) is not None

    may = [after(priority) for priority in Priority]
    assert may == sorted(may, reverse=True)


@given(asks)
def test_cancels_and_exits_have_a_reserve_that_entries_do_not_use(asked: list[tuple[Cost, Priority, int]]) -> None:
    budget, now_ms = Budget(SMALL), 0
    for cost, _, pause_ms in asked:
        now_ms += pause_ms
        budget.take(cost, Priority.ENTRY, now_ms)
    assert budget.take(Cost(10), Priority.CANCEL, now_ms) is not None
    assert budget.take(Cost(1, 1), Priority.EXIT, now_ms) is not None


@given(costs, st.sampled_from(Priority), st.integers(1, 10**6), st.integers(0, 2 * 10**6))
def test_a_ban_stops_everything_until_it_ends(cost: Cost, priority: Priority, until_ms: int, now_ms: int) -> None:
    budget = Budget(SMALL)
    budget.ban_until(until_ms)
    budget.ban_until(until_ms - 1)  # a shorter one changes nothing
    assert (budget.take(cost, priority, now_ms) is not None) == (now_ms >= until_ms)
    if now_ms < until_ms:
        assert budget.next_chance_ms(cost, priority, now_ms) >= until_ms


@given(asks, costs, st.sampled_from(Priority))
def test_at_the_next_chance_it_is_granted_when_nobody_else_asks(
    asked: list[tuple[Cost, Priority, int]], cost: Cost, priority: Priority
) -> None:
    budget, now_ms = Budget(SMALL), 0
    for each, its_priority, pause_ms in asked:
        now_ms += pause_ms
        budget.take(each, its_priority, now_ms)
    for _ in SMALL:  # one window may be over while another is not
        if budget.take(cost, priority, now_ms) is not None:
            return
        later_ms = budget.next_chance_ms(cost, priority, now_ms)
        assert later_ms > now_ms
        now_ms = later_ms
    assert budget.take(cost, priority, now_ms) is not None


@given(st.integers(0, 100), st.integers(0, 100))
def test_what_the_exchange_counts_holds_and_what_is_on_its_way_is_added(counted: int, on_its_way: int) -> None:
    budget = Budget((Limit(Kind.WEIGHT, MINUTE_MS, 200),))
    done = budget.take(Cost(7), Priority.CANCEL, 0)
    budget.take(Cost(on_its_way), Priority.CANCEL, 0)
    assert done is not None
    budget.settle(done, 1)
    budget.correct(Kind.WEIGHT, MINUTE_MS, counted, CLOCK_ERROR_MS)
    left = 200 - counted - on_its_way
    assert budget.take(Cost(left + 1), Priority.CANCEL, 2) is None or counted + on_its_way == 0
    assert left == 0 or budget.take(Cost(left), Priority.CANCEL, 2) is not None or counted + on_its_way == 0


def test_a_count_of_a_window_that_is_over_is_forgotten_with_it() -> None:
    budget = Budget(SMALL)
    budget.take(Cost(1), Priority.CANCEL, CLOCK_ERROR_MS)
    budget.correct(Kind.WEIGHT, MINUTE_MS, 100, CLOCK_ERROR_MS)
    assert budget.take(Cost(1), Priority.CANCEL, MINUTE_MS - 1) is None
    assert budget.take(Cost(1), Priority.CANCEL, MINUTE_MS) == Grant(Cost(1), MINUTE_MS)


def test_too_many_orders_stop_orders_only() -> None:
    budget = Budget()
    budget.no_orders_until(5_000)
    assert budget.take(Cost(1, 1), Priority.EXIT, 0) is None
    assert budget.take(Cost(1), Priority.CANCEL, 0) is not None
    assert budget.take(Cost(4), Priority.QUESTION, 0) is not None
    assert budget.take(Cost(1, 1), Priority.ENTRY, 5_000) is not None


def test_a_request_larger_than_its_limit_goes_when_nothing_else_did() -> None:
    budget = Budget((Limit(Kind.WEIGHT, MINUTE_MS, 50),))
    assert budget.take(Cost(80), Priority.QUESTION, 0) is not None
    assert budget.take(Cost(1), Priority.CANCEL, 0) is None


def test_the_exchanges_own_limits_are_taken_over_with_what_is_used() -> None:
    budget = Budget()
    budget.take(Cost(0), Priority.CANCEL, CLOCK_ERROR_MS)
    budget.correct(Kind.WEIGHT, MINUTE_MS, 90, CLOCK_ERROR_MS)
    budget.relimit(
        limits_of(
            [
                RateLimit("REQUEST_WEIGHT", "MINUTE", 1, 100),
                RateLimit("RAW_REQUESTS", "MINUTE", 5, 1),
                RateLimit("ORDERS", "SECOND", 0, 1),
                RateLimit("ORDERS", "FORTNIGHT", 1, 1),
            ]
        )
    )
    assert budget.take(Cost(11), Priority.CANCEL, 0) is None
    assert budget.take(Cost(10, 99), Priority.CANCEL, 0) is not None
    budget.relimit(())  # an answer without limits changes nothing
    assert budget.take(Cost(1), Priority.CANCEL, 0) is None


def test_headers_and_rate_limits_correct_what_is_used() -> None:
    budget = Budget(DEFAULT_LIMITS)
    odd = {"x-mbx-used-weight": "9", "x-mbx-used-weight-1m": "many", "x-mbx-order-count-1d": "9" * 40}
    assert budget.take(Cost(1), Priority.ENTRY, CLOCK_ERROR_MS) is not None
    apply_headers(budget, odd, CLOCK_ERROR_MS)
    assert budget.take(Cost(4_799), Priority.ENTRY, CLOCK_ERROR_MS) is not None
    apply_headers(budget, {"x-mbx-used-weight-1m": "6000"}, CLOCK_ERROR_MS)
    assert budget.take(Cost(1), Priority.CANCEL, CLOCK_ERROR_MS) is None
    later_ms = MINUTE_MS + CLOCK_ERROR_MS
    assert budget.take(Cost(1, 1), Priority.EXIT, later_ms) is not None
    apply_rate_limits(budget, [RateLimit("ORDERS", "SECOND", 10, 50, 50)], later_ms)
    assert budget.take(Cost(1, 1), Priority.EXIT, later_ms) is None
    assert budget.take(Cost(1), Priority.CANCEL, later_ms) is not None


@pytest.mark.parametrize("asked_ms", [DAY_MS - 50, DAY_MS + CLOCK_ERROR_MS - 1])
def test_what_may_be_the_count_of_yesterday_says_nothing_of_today(asked_ms: int) -> None:
    budget = Budget()
    grant = budget.take(Cost(1, 1), Priority.EXIT, asked_ms)
    assert grant is not None
    budget.settle(grant, DAY_MS + 300)
    assert budget.take(Cost(1, 1), Priority.EXIT, DAY_MS + 300) is not None
    budget.correct(Kind.ORDERS, DAY_MS, 160_000, asked_ms)
    assert budget.take(Cost(1, 1), Priority.EXIT, DAY_MS + 3 * 60 * MINUTE_MS) is not None


members = st.sampled_from(["one", "two", "three"])
shared_asks = st.lists(
    st.tuples(members, st.integers(0, 20), st.sampled_from(Priority), st.integers(0, 5_000)), max_size=200
)


def share(*names: str, maximum: int = 120) -> AddressWeight:
    weight = AddressWeight((Limit(Kind.WEIGHT, MINUTE_MS, maximum),))
    for name in names:
        weight.join(name)
    return weight


@given(shared_asks)
def test_accounts_share_the_weight_of_their_address(asked: list[tuple[str, int, Priority, int]]) -> None:
    weight, now_ms = share("one", "two", "three"), 0
    budgets = {name: Budget(SMALL, weight, name) for name in ("one", "two", "three")}
    granted: dict[int, int] = {}
    for name, amount, priority, pause_ms in asked:
        now_ms += pause_ms
        if budgets[name].take(Cost(amount), priority, now_ms) is not None:
            window = now_ms // MINUTE_MS
            granted[window] = granted.get(window, 0) + amount
    assert all(amount <= 120 for amount in granted.values())


@given(shared_asks)
def test_whatever_others_ask_of_less_urgency_exits_and_cancels_find_their_reserve(
    asked: list[tuple[str, int, Priority, int]],
) -> None:
    weight, now_ms = share("one", "two", "three", "quiet"), 0
    for name, amount, priority, pause_ms in asked:
        now_ms += pause_ms
        weight.take(name, amount, max(priority, Priority.QUESTION), now_ms)
    assert weight.take("quiet", 6, Priority.EXIT, now_ms)
    assert weight.take("quiet", 6, Priority.CANCEL, now_ms)


@given(shared_asks)
def test_whatever_one_account_asks_others_find_their_even_share(asked: list[tuple[str, int, Priority, int]]) -> None:
    weight, now_ms = share("one", "quiet"), 0
    for _, amount, _, pause_ms in asked:
        now_ms += pause_ms
        weight.take("one", amount, Priority.ENTRY, now_ms)
    assert weight.take("quiet", 24, Priority.ENTRY, now_ms)  # a quarter of what entries may


def test_one_account_that_asks_without_end_leaves_the_rest_to_others() -> None:
    weight = share("greedy", "modest", maximum=100)
    taken = sum(weight.take("greedy", 1, Priority.ENTRY, 0) for _ in range(200))
    assert taken == 60  # three quarters of the 80 that entries may use
    assert sum(weight.take("modest", 1, Priority.ENTRY, 0) for _ in range(200)) == 20
    assert weight.take("greedy", 10, Priority.EXIT, 0) is False
    assert weight.take("greedy", 20, Priority.CANCEL, 0)
    assert weight.take("greedy", 60, Priority.ENTRY, MINUTE_MS)


def test_alone_an_account_has_all_of_it() -> None:
    weight = share("one", maximum=100)
    assert sum(weight.take("one", 1, Priority.ENTRY, 0) for _ in range(200)) == 80


def test_what_is_reserved_is_the_members_until_the_window_ends() -> None:
    weight = share("one", "two", maximum=100)
    assert weight.reserve("one", 60, Priority.QUESTION, 0)
    assert not weight.reserve("two", 60, Priority.QUESTION, 0)
    weight.correct(MINUTE_MS, 0, CLOCK_ERROR_MS)  # the exchange knows nothing of it yet
    assert not weight.take("two", 60, Priority.QUESTION, 1)
    assert weight.take("one", 40, Priority.UPKEEP, 2)
    assert weight.take("one", 20, Priority.UPKEEP, 2)
    assert not weight.take("one", 60, Priority.UPKEEP, 2)
    assert weight.reserve("one", 30, Priority.QUESTION, MINUTE_MS)
    assert weight.take("two", 50, Priority.QUESTION, 2 * MINUTE_MS)
    assert not weight.take("one", 50, Priority.QUESTION, 2 * MINUTE_MS)  # what was reserved a window ago is gone


def test_a_ban_is_every_accounts_and_too_many_orders_only_ones() -> None:
    weight = share("one", "two")
    one, two = Budget(DEFAULT_LIMITS, weight, "one"), Budget(DEFAULT_LIMITS, weight, "two")
    one.no_orders_until(5_000)
    assert one.take(Cost(1, 1), Priority.EXIT, 0) is None
    assert two.take(Cost(1, 1), Priority.EXIT, 0) is not None
    one.ban_until(9_000, "too much")
    assert two.is_banned(0)
    assert two.ban(1_000) == ("too much", 8.0)
    assert two.take(Cost(1), Priority.CANCEL, 0) is None
    assert two.next_chance_ms(Cost(1), Priority.CANCEL, 0) == 9_000


def test_the_pace_of_upkeep_grows_with_the_accounts() -> None:
    weight = AddressWeight()
    assert weight.pace_s(100) == 0
    for number in range(200):
        weight.join(f"account-{number}")
    assert weight.pace_s(100) == 500.0  # 200 times 100 of the 2,400 a minute that upkeep may use
