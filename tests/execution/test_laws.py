"""Laws of the pure parts, on drawn histories: gate, risk, questions, books, ids, comparison."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from naive_daemon.domain.limits import RiskLimits
from naive_daemon.domain.order import CycleKey, Order
from naive_daemon.domain.side import Side
from naive_daemon.execution.entry_gate import EntryGate
from naive_daemon.execution.inquiry import NOT_FOUND_MIN, PAUSE_MAX_S, Inquiries, Inquiry, Verdict
from naive_daemon.execution.risk import NS_PER_DAY, NS_PER_MIN, RiskBook
from tests.execution.desk import (
    accepted,
    cancelled,
    filled,
    make_cycle,
    make_order,
    rejected,
    unknown,
)

Judge = Callable[[str], bool]

# The gate ------------------------------------------------------------------------------------------------------------

SCOPES = (None, "AAAQ", "BBBQ")
holds = st.tuples(st.booleans(), st.sampled_from(["ban", "limit", "halted"]), st.sampled_from(SCOPES), st.text("xy"))


@given(st.lists(holds, max_size=30))
def test_a_gate_gives_a_reason_exactly_while_something_holds(steps: list[tuple[bool, str, str | None, str]]) -> None:
    gate = EntryGate()
    model: dict[tuple[str | None, str], str] = {}
    for is_hold, kind, scope, reason in steps:
        told = {each: gate.own_reason(each) for each in SCOPES}
        if is_hold:
            is_news = gate.hold(kind, reason, scope)
            model[scope, kind] = reason
        else:
            is_news = gate.release(kind, scope)
            model.pop((scope, kind), None)
        assert is_news == (gate.own_reason(scope) != told[scope])
        assert all(gate.own_reason(each) == told[each] for each in SCOPES if each != scope)
        for each in SCOPES:
            of_scope = {known: why for (place, known), why in model.items() if place == each}
            assert gate.own_reason(each) in (of_scope.values() if of_scope else (None,))
            assert [each in gate.scopes(one) for one in ("ban", "limit")] == [
                one in of_scope for one in ("ban", "limit")
            ]
        for symbol in ("AAAQ", "BBBQ"):
            assert (gate.reason(symbol) is None) == (not any(place in (None, symbol) for place, _ in model))
        assert dict(gate) == {each: gate.own_reason(each) for each in SCOPES if gate.own_reason(each) is not None}


# Risk ----------------------------------------------------------------------------------------------------------------

QUOTES = {"AAAQ": "Q", "BBBQ": "Q", "CCCZ": "Z"}
prices = st.decimals("0.01", "1000", places=2)
buys = st.builds(
    lambda number, symbol, side, price: make_order(number, side, symbol, price=price),
    st.integers(1, 6),
    st.sampled_from(sorted(QUOTES)),
    st.sampled_from(Side),
    prices,
)
changes = st.sampled_from(["sent", "open", "part", "rest", "cancelled", "rejected", "unknown", "end", "offer"])


class _Ledger:
    """What a risk book must come to, reckoned from scratch."""

    def __init__(self) -> None:
        self.orders: dict[CycleKey, dict[str, Order]] = defaultdict(dict)

    def at_risk(self, symbols: set[str]) -> Decimal:
        return sum(
            (
                order.filled_quote + (Decimal(0) if order.status.is_terminal else order.price * order.remaining)
                for key, orders in self.orders.items()
                if key.symbol in symbols
                for order in orders.values()
                if order.side is Side.BUY
            ),
            Decimal(0),
        )


@settings(max_examples=200)
@given(st.lists(st.tuples(buys, changes), max_size=40))
def test_what_is_at_risk_is_what_a_reckoning_from_scratch_gives(steps: list[tuple[Order, str]]) -> None:
    book, ledger, known = RiskBook(QUOTES.__getitem__), _Ledger(), dict[str, Order]()
    for number, (drawn, change) in enumerate(steps):
        order = known.get(drawn.client_order_id, drawn)
        if change == "end":
            book.take_end(make_cycle(order, "1"))
            ledger.orders.pop(order.key, None)
        elif change == "offer":
            book.offer(order)
            book.end_offers()
        else:
            order = _changed(order, change, number)
            known[order.client_order_id] = order
            book.take_order(order)
            ledger.orders[order.key][order.client_order_id] = order
        for symbol in QUOTES:
            assert book.at_risk(symbol) == ledger.at_risk({symbol}) >= 0
        assert book._by_asset["Q"] == ledger.at_risk({"AAAQ", "BBBQ"}) >= 0
        assert all(any(costs.values()) for costs in book._cost.values()), "nothing is kept of what risks nothing"


def _changed(order: Order, change: str, number: int) -> Order:
    match change:
        case "open":
            return order.apply(accepted(order))
        case "part":
            room = min(Decimal(3), order.remaining)
            return order if room <= 0 else order.apply(filled(order, str(room), str(number), str(order.price)))
        case "rest":
            left = order.remaining
            return order if left <= 0 else order.apply(filled(order, str(left), str(number), str(order.price)))
        case "cancelled":
            return order.apply(cancelled(order))
        case "rejected":
            return order.apply(rejected(order))
        case "unknown":
            return order.apply(unknown(order))
    return order


@given(st.lists(st.integers(0, 3 * NS_PER_MIN), max_size=40), st.integers(1, 5))
def test_within_any_minute_no_more_entries_leave_than_the_limit_allows(pauses: list[int], limit: int) -> None:
    book = RiskBook(QUOTES.__getitem__)
    book.limits = RiskLimits(max_orders_per_min=limit)
    now_ns, sent = 10 * NS_PER_DAY, list[int]()
    for number, pause_ns in enumerate(pauses):
        now_ns += pause_ns
        is_free = sum(moment > now_ns - NS_PER_MIN for moment in sent) < limit
        assert (book.refusal(make_order(number), 0, now_ns) is None) == is_free
        if is_free:
            sent.append(now_ns)
            book.take_sent(now_ns)


# Questions -----------------------------------------------------------------------------------------------------------

acts = st.tuples(st.sampled_from(["add", "ready", "close", "take", "answer", "again"]), st.integers(0, 9))


@settings(max_examples=200)
@given(st.lists(acts, max_size=80), st.integers(1, 3))
def test_few_questions_are_under_way_at_once_and_every_one_has_its_turn(
    steps: list[tuple[str, int]], most: int
) -> None:
    inquiries, under_way = Inquiries(most), list[tuple[str, Inquiry]]()
    ready = set[str]()

    def take() -> None:
        for name, inquiry in inquiries.take(0.0):
            under_way.append((name, inquiry))
            ready.discard(name)

    for act, number in steps:
        name = str(number)
        match act:
            case "add" | "again":
                inquiries.add(name, "AAAQ", 0.0)
            case "ready":
                inquiries.ready(name)
                if name in inquiries and not inquiries._open[name].is_asking:
                    ready.add(name)
            case "close":
                inquiries.close(name)
                ready.discard(name)
            case "take":
                take()
            case "answer" if under_way:
                inquiries.answered(under_way.pop(number % len(under_way))[1])
        assert len(under_way) <= most
        assert inquiries._asking == len(under_way)
    while ready or under_way:
        take()
        assert under_way, f"never asked: {ready}"
        inquiries.answered(under_way.pop()[1])
    for number in range(10):
        inquiries.close(str(number))
    assert (len(inquiries), len(inquiries._waiting), inquiries._asking) == (0, 0, 0)


@given(st.lists(st.floats(0, 60), max_size=12), st.floats(1, 30), st.booleans())
def test_an_order_was_never_placed_only_after_several_not_founds_the_last_one_late(
    pauses: list[float],
    deadline_s: float,
    was_placed: bool,
) -> None:
    inquiry, now_s = Inquiry("AAAQ", 100.0), 100.0
    for count, pause_s in enumerate(pauses, 1):
        now_s += pause_s
        inquiry.asked_s = now_s
        verdict = inquiry.not_found(deadline_s, was_placed=was_placed)
        is_late = count >= NOT_FOUND_MIN and now_s - 100.0 >= deadline_s
        assert (verdict is Verdict.NEVER_PLACED) == (is_late and not was_placed)
    waits = [inquiry.pause_s() for _ in range(10)]
    assert waits == sorted(waits)
    assert waits[-1] == PAUSE_MAX_S
