"""What a graph does, by the numbers of RedFlow's behaviours.

1 levels are linked and unlinked · 2 all is clustered · 3 executions · 4 sources are added · 5 sources are removed.
The other five are in test_integrity.py.
"""

from typing import Any

import pytest

from naive_daemon.redflow import Cluster, Creator, LinkError, RedFlow, Source, SourceError, initiate
from tests.redflow.bots import Bot, Graph, by, ids, shape, source_of

BTC, ETH = "BTCUSDT", "ETHUSDT"


# 1 ------------------------------------------------------------------------------------------------------------------


def test_1_a_graph_comes_from_a_nested_list_in_one_call() -> None:
    levels = {name: RedFlow(name, by("symbol")) for name in ("stream", "decision", "account", "candles")}
    top = initiate(
        (levels["stream"], [(levels["decision"], [levels["account"]]), [levels["candles"]]]),
    )
    assert top is levels["stream"]
    assert list(top.children) == ["decision", "candles"]
    assert [flow.name for flow in top.levels()] == ["stream", "decision", "candles", "account"]
    assert levels["account"].parent is levels["decision"]


def test_1_linking_from_either_side_is_the_same() -> None:
    one, other = RedFlow("a", by("symbol")), RedFlow("b", by("symbol"))
    one.link_child("x", other)
    assert (other.name, other.parent, one.child("x")) == ("x", one, other)
    one.unlink_child("x")
    other.link_to_parent("y", one)
    assert (other.name, other.parent, one.child("y")) == ("y", one, other)


def test_1_a_level_linked_after_initialisation_is_clustered_at_once() -> None:
    graph = Graph().start(Bot(BTC, account="a"), Bot(BTC, account="b"), Bot(ETH, account="a"))
    before, graph.told[:] = shape(graph.stream), []
    desk = graph.level("desk", by("account"))
    initiate((desk, [graph.level("screen", by("settings"))]))
    graph.stream.link_child("desk", desk)
    assert shape(desk, graph.stream.find_cluster(BTC)) == {
        "a": (["b0"], {"screen": {"s": (["b0"], {})}}),
        "b": (["b1"], {"screen": {"s": (["b1"], {})}}),
    }
    assert [told[:4] for told in graph.told] == [
        ("add", "desk", "b0", "a"),
        ("add", "desk", "b1", "b"),
        ("add", "desk", "b2", "a"),
        ("add", "screen", "b0", "s"),
        ("add", "screen", "b1", "s"),
        ("add", "screen", "b2", "s"),
    ]
    assert all(told[4] for told in graph.told)
    graph.stream.unlink_child("desk")
    assert shape(graph.stream) == before


def test_1_unlinking_detaches_bottom_up() -> None:
    graph = Graph().start(Bot(BTC, account="a"), Bot(BTC, account="b"), Bot(ETH))
    graph.told.clear()
    detached = graph.stream.unlink_child("decision")
    assert [flow for flow, _ in ids(detached)] == ["account"] * 3 + ["decision"] * 2
    assert graph.told == [("detach", *named) for named in ids(detached)]
    assert shape(graph.stream) == {BTC: (["b0", "b1"], {}), ETH: (["b2"], {})}
    assert [ids(source.clusters) for source in graph.stream.sources.values()] == [
        [("stream", BTC)],
        [("stream", BTC)],
        [("stream", ETH)],
    ]
    assert all(not cluster.sources and not cluster.is_attached for cluster in detached)
    assert (graph.decision.parent, len(graph.decision.sources), graph.account.count) == (None, 0, 0)
    graph.stream.link_child("decision", graph.decision)
    assert shape(graph.account, graph.decision.find_cluster(BTC, "s")) == {"a": (["b0"], {}), "b": (["b1"], {})}


def test_1_what_was_unlinked_is_a_graph_of_its_own() -> None:
    graph = Graph().start(Bot(BTC))
    graph.stream.unlink_child("decision")
    graph.decision.add_sources([source_of(7, Bot(ETH, "t"))])
    graph.decision.init_flow()
    assert shape(graph.decision) == {"t": (["b7"], {"account": {"a": (["b7"], {})}})}
    assert list(graph.stream.sources) == ["b0"]


def test_1_a_circle_or_a_second_parent_is_refused() -> None:
    graph = Graph().start(Bot(BTC))
    before = shape(graph.stream)
    for link, why in (
        (lambda: graph.stream.link_child("x", graph.stream), "no circle"),
        (lambda: graph.account.link_child("x", graph.stream), "no circle"),
        (lambda: graph.stream.link_child("x", graph.account), "one parent"),
        (lambda: graph.decision.link_child("x", graph.decision), "one parent"),
        (lambda: RedFlow("other", by("symbol")).link_child("x", graph.account), "one parent"),
    ):
        with pytest.raises(LinkError, match=why):
            link()
    assert shape(graph.stream) == before
    assert [flow.name for flow in graph.stream.levels()] == ["stream", "decision", "account"]


# 2 ------------------------------------------------------------------------------------------------------------------


def test_2_sources_wait_for_initialisation_and_again_changes_nothing() -> None:
    graph = Graph()
    graph.stream.add_sources([source_of(0, Bot(BTC)), source_of(1, Bot(BTC, "t"))])
    assert (shape(graph.stream), graph.told) == ({}, [])
    graph.account.init_flow()
    expected = {
        BTC: (
            ["b0", "b1"],
            {
                "decision": {
                    "s": (["b0"], {"account": {"a": (["b0"], {})}}),
                    "t": (["b1"], {"account": {"a": (["b1"], {})}}),
                }
            },
        )
    }
    assert shape(graph.stream) == expected
    assert [told[1] for told in graph.told] == ["stream"] * 2 + ["decision"] * 2 + ["account"] * 2  # level by level
    clusters, told = graph.account.clusters, list(graph.told)
    graph.stream.init_flow()
    assert (graph.account.clusters, graph.told, shape(graph.stream)) == (clusters, told, expected)


def test_2_ids_are_unique_inside_a_niche_only() -> None:
    graph = Graph().start(Bot(BTC, "s", "a"), Bot(ETH, "s", "a"))
    one, other = graph.decision.find_cluster(BTC, "s"), graph.decision.find_cluster(ETH, "s")
    assert one is not other
    assert (one.parent, other.parent) == (graph.stream.find_cluster(BTC), graph.stream.find_cluster(ETH))
    assert (graph.stream.count, graph.decision.count, graph.account.count) == (2, 2, 2)


# 3 ------------------------------------------------------------------------------------------------------------------


def test_3_executions_run_on_a_level_on_one_cluster_and_below_a_parent() -> None:
    graph = Graph().start(Bot(BTC, "s"), Bot(BTC, "t"), Bot(ETH, "s"))

    def look(cluster: Any, parent: Any, executors: Any, flow: Any, ctx: dict[str, Any]) -> tuple[Any, ...]:
        assert ctx is cluster.ctx
        return flow.name, parent and parent.clustering_id, cluster.clustering_id, list(executors)

    assert graph.stream.exec(look) == [("stream", None, BTC, ["decision"]), ("stream", None, ETH, ["decision"])]
    assert [seen[:3] for seen in graph.decision.exec(look)] == [
        ("decision", BTC, "s"),
        ("decision", BTC, "t"),
        ("decision", ETH, "s"),
    ]
    assert graph.decision.exec_on_cluster(graph.decision.find_cluster(BTC, "t"), look) == [
        ("decision", BTC, "t", ["account"])
    ]
    assert [seen[2] for seen in graph.decision.exec_on_parent(graph.stream.find_cluster(BTC), look)] == ["s", "t"]
    assert [seen[2] for seen in graph.stream.exec_on_parent(None, look)] == [BTC, ETH]


def test_3_executors_run_below_the_present_cluster() -> None:
    graph = Graph().start(Bot(BTC, "s", "a"), Bot(BTC, "s", "b"), Bot(BTC, "t", "c"), Bot(ETH, "s", "d"))
    trades: list[tuple[Any, ...]] = []

    def decide(cluster: Any, parent: Any, executors: Any, flow: Any, ctx: Any) -> None:
        executors.account.exec(lambda cluster, parent, *_: trades.append((parent.clustering_id, cluster.clustering_id)))

    graph.stream.exec(
        lambda cluster, parent, executors, *_: (
            executors["decision"].exec(decide) if cluster.clustering_id == BTC else None
        )
    )
    assert trades == [("s", "a"), ("s", "b"), ("t", "c")]


def test_3_what_an_execution_raises_ends_it() -> None:
    graph = Graph().start(Bot(BTC), Bot(ETH))
    seen = []

    def fail(cluster: Any, *_: Any) -> None:
        seen.append(cluster.clustering_id)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        graph.stream.exec(fail)
    assert seen == [BTC]


# 4 ------------------------------------------------------------------------------------------------------------------


def test_4_each_source_comes_down_the_whole_graph_before_the_next() -> None:
    graph = Graph().start(Bot(BTC, "s", "a"), Bot(BTC, "s", "b"))
    assert graph.told == [
        ("add", "stream", "b0", BTC, True),
        ("add", "decision", "b0", "s", True),
        ("add", "account", "b0", "a", True),
        ("add", "stream", "b1", BTC, False),
        ("add", "decision", "b1", "s", False),
        ("add", "account", "b1", "b", True),
    ]
    assert ids(graph.stream.find("b1").clusters) == [("stream", BTC), ("decision", "s"), ("account", "b")]


def test_4_on_source_add_comes_after_the_mapper_has_finished_and_before_the_levels_below() -> None:
    steps: list[str] = []

    def mapper(source: Source[Bot], creator: Creator[Bot, str], parent: Any) -> None:
        is_new, cluster = creator.create_or_get(source.data.symbol)
        if is_new:
            cluster.data = "set"
        steps.append("mapped")

    def below(source: Source[Bot], creator: Creator[Bot, str], parent: Cluster[Bot, str]) -> None:
        steps.append(f"below {parent.data} {parent.ctx}")

    def opened(source: Source[Bot], cluster: Cluster[Bot, str], is_new_cluster: bool) -> None:
        cluster.ctx["feed"] = steps.append(f"told {cluster.data} {is_new_cluster}")

    flow = RedFlow("stream", mapper, on_source_add=opened)
    flow.link_child("below", RedFlow("below", below))
    flow.init_flow()
    flow.add_sources([source_of(0, Bot(BTC))])
    assert steps == ["mapped", "told set True", "below set {'feed': None}"]


def test_4_a_source_may_be_in_a_thousand_clusters_of_a_level_and_in_one_only_once() -> None:
    def spread(source: Source[Bot], creator: Creator[Bot, Any], parent: Any) -> None:
        for number in [*range(1000), *range(1000)]:
            creator.create_or_get(number)

    graph = Graph()
    graph.stream.link_child("many", graph.level("many", spread))
    graph.start(Bot(BTC))
    many = graph.stream.child("many")
    assert (many.count, len(graph.told)) == (1000, 3 + 1000)
    assert len(graph.stream.find("b0").clusters) == 3 + 1000
    detached = graph.stream.remove_source("b0")
    assert (len(detached), many.count, graph.stream.count) == (1003, 0, 0)
    assert detached[-1].clustering_id == BTC


# 5 ------------------------------------------------------------------------------------------------------------------


def test_5_a_source_leaves_deepest_first_and_what_it_emptied_goes_children_before_parents() -> None:
    graph = Graph().start(Bot(BTC, "s", "a"), Bot(BTC, "s", "b"), Bot(BTC, "t", "a"))
    graph.told.clear()
    assert ids(graph.stream.remove_source("b1")) == [("account", "b")]
    assert ids(graph.stream.remove_source(graph.stream.find("b0"))) == [("account", "a"), ("decision", "s")]
    assert ids(graph.account.remove_source("b2")) == [("account", "a"), ("decision", "t"), ("stream", BTC)]
    assert graph.told == [
        ("detach", "account", "b"),
        ("detach", "account", "a"),
        ("detach", "decision", "s"),
        ("detach", "account", "a"),
        ("detach", "decision", "t"),
        ("detach", "stream", BTC),
    ]
    assert (shape(graph.stream), dict(graph.stream.sources)) == ({}, {})


def test_5_deepest_first_also_where_a_higher_level_was_linked_later() -> None:
    graph = Graph().start(Bot(BTC))
    graph.stream.link_child("desk", graph.level("desk", by("account")))
    assert [level for level, _ in ids(graph.stream.remove_source("b0"))] == ["account", "desk", "decision", "stream"]


def test_5_a_source_that_was_removed_is_not_there_and_may_come_again() -> None:
    graph = Graph().start(Bot(BTC))
    source = graph.stream.find("b0")
    graph.stream.remove_source(source)
    assert source.clusters == ()
    for gone in (source, "b0"):
        with pytest.raises(SourceError, match="'b0'"):
            graph.stream.remove_source(gone)
    graph.stream.add_sources([source])
    assert ids(source.clusters) == [("stream", BTC), ("decision", "s"), ("account", "a")]


def test_5_a_detached_cluster_can_still_close_what_it_has() -> None:
    closed: list[Any] = []
    flow: RedFlow[Bot, Any] = RedFlow(
        "stream", by("symbol"), on_cluster_detach=lambda cluster: closed.append(cluster.ctx["feed"])
    )
    child: RedFlow[Bot, Any] = RedFlow(
        "account",
        by("account"),
        on_cluster_detach=lambda cluster: closed.append((cluster.clustering_id, cluster.parent.ctx["feed"])),
    )
    initiate((flow, [child]))
    flow.init_flow()
    flow.add_sources([source_of(0, Bot(BTC))])
    flow.find_cluster(BTC).ctx["feed"] = "feed of BTC"
    flow.remove_source("b0")
    assert closed == [("a", "feed of BTC"), "feed of BTC"]


def test_5_a_level_may_keep_its_clusters_when_they_are_empty() -> None:
    graph = Graph(stays=True).start(Bot(BTC))
    graph.stream.find_cluster(BTC).ctx["feed"] = feed = object()
    assert ids(graph.stream.remove_source("b0")) == [("account", "a"), ("decision", "s")]
    graph.told.clear()
    graph.stream.add_sources([source_of(1, Bot(BTC))])
    assert graph.told[0] == ("add", "stream", "b1", BTC, False)
    assert graph.stream.find_cluster(BTC).ctx["feed"] is feed
    assert graph.stream.find_cluster(BTC).release() == ()
    assert ids(graph.stream.remove_source("b1"))[-1] == ("stream", BTC)


def test_5_one_cluster_may_be_kept_and_holds_what_it_is_in() -> None:
    graph = Graph().start(Bot(BTC, "s", "a"), Bot(BTC, "s", "b"))
    kept = graph.account.find_cluster(BTC, "s", "a")
    kept.keep()
    graph.stream.remove_source("b1")
    graph.told.clear()
    assert graph.stream.remove_source("b0") == ()
    assert shape(graph.stream) == {BTC: ([], {"decision": {"s": ([], {"account": {"a": ([], {})}})}})}
    assert ids(kept.release()) == [("account", "a"), ("decision", "s"), ("stream", BTC)]
    assert graph.told == [("detach", "account", "a"), ("detach", "decision", "s"), ("detach", "stream", BTC)]
    assert (kept.release(), shape(graph.stream)) == ((), {})


def test_5_unlinking_takes_kept_clusters_and_whoever_only_they_held() -> None:
    graph = Graph().start(Bot(BTC, "s", "a"), Bot(ETH, "s", "a"))
    graph.account.find_cluster(BTC, "s", "a").keep()
    graph.stream.remove_source("b0")
    detached = ids(graph.decision.unlink_child("account"))
    assert detached == [("account", "a"), ("account", "a"), ("decision", "s"), ("stream", BTC)]
    assert shape(graph.stream) == {ETH: (["b1"], {"decision": {"s": (["b1"], {})}})}
