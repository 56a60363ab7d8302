"""What the daemon tells Prometheus of its works, and of what they share."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from naive_daemon import names
from naive_daemon.market.streams import AskFlowCounts, FlowCounts
from naive_daemon.otp import ActorDiedError, ActorSystem


def flow_metrics(system: ActorSystem, timeout_s: float) -> Iterator[Metric]:
    """Ask the streams' owner, and give all families; none while it is being started again, or busy."""
    try:
        counts: FlowCounts = system.ask(names.STREAM_DESK, AskFlowCounts(), timeout_s)
    except (ActorDiedError, TimeoutError):
        return
    yield GaugeMetricFamily("naive_works", "Accounts trading a symbol with one set of settings.", counts.works)
    clusters = GaugeMetricFamily("naive_flow_clusters", "What works share, by level.", labels=["level"])
    for level, count in counts.clusters.items():
        clusters.add_metric([level], count)
    yield clusters
    processes = GaugeMetricFamily("naive_flow_processes", "Feeds, candles, signals by what they do.", labels=["state"])
    for state, count in counts.states.items():
        processes.add_metric([state], count)
    yield processes
