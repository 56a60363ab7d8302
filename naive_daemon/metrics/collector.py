"""What the daemon tells Prometheus: its actors, its threads, its symbols. Read anew at each scrape, by who scrapes.

The names are the interface of dashboards and alerts: they stay.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from naive_daemon import names
from naive_daemon.account.view import AccountView
from naive_daemon.condition import cache_health, journal_health
from naive_daemon.domain.account import ACCOUNT_STATES, AccountCondition
from naive_daemon.execution.messages import ExecutionView
from naive_daemon.market.live import AskStreams, StreamState
from naive_daemon.metrics.flow import flow_metrics
from naive_daemon.otp import CENSUS_PLACES_MAX, ActorDiedError, ActorSystem, Census, CensusTaker, NodeState
from naive_daemon.trading.account_messages import AskAccounts, AskAccountViews, AskExecutions
from naive_daemon.trading.switch_messages import AskSymbols
from naive_daemon.trading.symbol_record import STATES, SymbolView

ANSWER_TIMEOUT_S = 1.0
"""How long a scrape waits for an actor's answer. Without it what that one knows is left out."""


class DaemonCollector(Collector):
    """Collects from one system, at most `places_max` of its places. Not for use by two threads at once."""

    def __init__(self, system: ActorSystem, places_max: int = CENSUS_PLACES_MAX) -> None:
        self._system = system
        self._census = CensusTaker(system, places_max)

    def collect(self) -> Iterator[Metric]:
        """Count, ask, and give all families."""
        now_s = self._system.clock.monotonic_s
        began_s = now_s()
        yield from _actors(self._census.take())
        yield from self._threads()
        yield from self._symbols()
        yield from self._accounts()
        yield from self._market()
        yield from self._stores()
        yield from flow_metrics(self._system, ANSWER_TIMEOUT_S)
        yield _gauge("naive_scrape_seconds", "What it took to collect all this.", now_s() - began_s)

    def _threads(self) -> Iterator[Metric]:
        health = self._system.pool_health()
        yield _gauge("naive_pool_threads", "Threads of the pool that take work.", health.threads)
        yield _gauge("naive_pool_threads_stuck", "Threads that do not come back from an actor.", len(health.stuck))
        yield _counter("naive_pool_threads_replaced", "Stuck threads that were replaced.", health.replaced)
        yield _gauge("naive_threads_lost", "Threads that do not come back from an actor that is dead.", health.lost)

    def _symbols(self) -> Iterator[Metric]:
        try:
            views: tuple[SymbolView, ...] = self._system.ask(names.SWITCHES, AskSymbols(), ANSWER_TIMEOUT_S)
        except (ActorDiedError, TimeoutError):
            return  # they are being restarted, or busy; a figure that is missing is seen, a wrong one is not
        states = Counter(view.state for view in views)
        family = GaugeMetricFamily("naive_symbols", "Symbols by what they do.", labels=["state"])
        for state in STATES:
            family.add_metric([state], states[state])
        yield family
        yield _gauge("naive_traders", "Traders of all symbols.", sum(view.traders for view in views))

    def _accounts(self) -> Iterator[Metric]:
        """Count accounts by what they do, and ask all that run."""
        try:
            conditions: tuple[AccountCondition, ...] = self._system.ask(
                names.ACCOUNT_DESK, AskAccounts(), ANSWER_TIMEOUT_S
            )
        except (ActorDiedError, TimeoutError):
            return
        states = Counter(condition.state for condition in conditions)
        family = GaugeMetricFamily("naive_accounts", "Accounts by what they do.", labels=["state"])
        for state in ACCOUNT_STATES:
            family.add_metric([state], states[state])
        yield family
        yield from self._execution()
        yield from self._account()

    def _execution(self) -> Iterator[Metric]:
        views: tuple[ExecutionView, ...] = self._asked(AskExecutions(ANSWER_TIMEOUT_S))
        for name, what, value in _EXECUTION_GAUGES:
            gauge = GaugeMetricFamily(name, what, labels=["account"])
            for view in views:
                gauge.add_metric([view.account], value(view))
            yield gauge
        for name, what, value in _EXECUTION_COUNTERS:
            counter = CounterMetricFamily(name, what, labels=["account"])
            for view in views:
                counter.add_metric([view.account], value(view))
            yield counter
        broken = CounterMetricFamily(
            "naive_promises_broken", "Promises that were broken, and stopped entries.", labels=["account", "promise"]
        )
        for view in views:
            for promise, count in view.broken.items():
                broken.add_metric([view.account, promise], count)
        yield broken

    def _account(self) -> Iterator[Metric]:
        """Tell what positions have gained, and how the keeping of metadata stands."""
        views: tuple[AccountView, ...] = self._asked(AskAccountViews(ANSWER_TIMEOUT_S))
        pnl = GaugeMetricFamily(
            "naive_account_pnl_unrealised",
            "What open positions have gained at the last prices, by quote asset.",
            labels=["account", "asset"],
        )
        for view in views:
            for session in view.sessions:
                pnl.add_metric([view.account, session.asset], float(session.totals.unrealised_pnl))
        yield pnl
        for name, what, value in _ACCOUNT_GAUGES:
            gauge = GaugeMetricFamily(name, what, labels=["account"])
            for view in views:
                gauge.add_metric([view.account], value(view))
            yield gauge

    def _asked(self, question: AskExecutions | AskAccountViews) -> tuple[Any, ...]:
        """Ask all accounts at once; one that is being restarted, or busy, is left out."""
        try:
            answers: tuple[Any, ...] = self._system.ask(names.ACCOUNT_DESK, question, 2 * ANSWER_TIMEOUT_S)
        except (ActorDiedError, TimeoutError):
            return ()
        return answers

    def _market(self) -> Iterator[Metric]:
        """Count a live market's streams; a market that is played has none."""
        try:
            streams: tuple[StreamState, ...] = self._system.ask(names.PLAYER, AskStreams(), ANSWER_TIMEOUT_S)
        except (ActorDiedError, TimeoutError):
            return
        yield _gauge(
            "naive_market_streams_down", "Symbols whose stream is not connected.", sum(not s.connected for s in streams)
        )
        silent_s = max((s.silent_s for s in streams if s.silent_s is not None), default=0.0)
        yield _gauge(
            "naive_market_silent_seconds", "How long the symbol without trades for longest has been so.", silent_s
        )
        yield _counter(
            "naive_market_reconnects", "Losses of market streams, by symbol.", sum(s.reconnects for s in streams)
        )

    def _stores(self) -> Iterator[Metric]:
        """Say what the daemon does without: one that does not come back from its server counts as away."""
        journal = journal_health(self._system, ANSWER_TIMEOUT_S)
        if journal is not None:
            yield _gauge("naive_journal_away", "1 while PostgreSQL takes nothing.", journal.away is not None)
            yield _gauge("naive_journal_waiting", "Messages that wait to be journaled.", journal.waiting)
        cache = cache_health(self._system, ANSWER_TIMEOUT_S)
        if cache is not None:
            yield _gauge("naive_cache_degraded", "1 while Redis takes nothing.", cache.away is not None)
            yield _gauge("naive_cache_waiting", "Writes that wait for Redis.", cache.waiting)
            yield _counter("naive_cache_losses", "How often Redis had lost what it had taken.", cache.losses)


_ACCOUNT_GAUGES: tuple[tuple[str, str, Callable[[AccountView], float]], ...] = (
    ("naive_account_positions", "Positions in which something is held.", lambda view: len(view.positions)),
    (
        "naive_account_metadata_pending",
        "1 while metadata has changed and is not written yet.",
        lambda view: view.metadata_health.is_pending,
    ),
    (
        "naive_account_metadata_failed",
        "1 while metadata could not be read, or the last write of it came to nothing.",
        lambda view: view.metadata_health.trouble is not None,
    ),
)
_Value = Callable[[ExecutionView], float]

_EXECUTION_GAUGES: tuple[tuple[str, str, _Value], ...] = (
    ("naive_exchange_connected", "1 while the account's stream is there.", lambda view: view.is_connected),
    (
        "naive_entries_held",
        "Reasons for which entries wait, of the account and of symbols.",
        lambda view: len(view.held),
    ),
    ("naive_orders_live", "Orders that are not over.", lambda view: view.live),
    ("naive_orders_unknown", "Orders whose fate is not known yet.", lambda view: view.unknown),
    ("naive_orders_foreign", "Orders on the exchange that are somebody else's.", lambda view: view.foreign),
)
_EXECUTION_COUNTERS: tuple[tuple[str, str, _Value], ...] = (
    (
        "naive_reconciliation_differences",
        "Differences from the exchange that were repaired.",
        lambda view: view.differences,
    ),
    ("naive_orphans_adopted", "Orders of ours that no journal knew.", lambda view: view.orphans),
    ("naive_entries_refused", "Entries that were refused before they left.", lambda view: view.refusals),
)


def _actors(census: Census) -> Iterator[Metric]:
    family = GaugeMetricFamily("naive_actors", "Actors by what they do.", labels=["state"])
    for state in NodeState:
        family.add_metric([state.value], census.actors.get(state, 0))
    yield family
    yield _gauge("naive_census_complete", "0 when there were more actors than one scrape counts.", census.is_whole)
    yield _gauge("naive_mailbox_longest_messages", "Messages that wait for the busiest actor.", census.longest_mailbox)
    yield _gauge("naive_mailboxes_congested", "Mailboxes over their limit.", census.congested)
    yield _counter("naive_messages_handled", "Messages that actors have handled.", census.handled)
    yield _counter("naive_messages_dropped", "Old market data that was dropped for newer.", census.dropped)
    restarts = CounterMetricFamily("naive_restarts", "Restarts by kind of supervisor.", labels=["supervisor"])
    for kind, count in sorted(census.restarts.items()):
        restarts.add_metric([kind], count)
    yield restarts


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _counter(name: str, what: str, value: float) -> Metric:
    return CounterMetricFamily(name, what, value=value)
