"""What a graph keeps whatever is done to it, by the numbers of RedFlow's behaviours.

6 only emptied clusters go · 7 mappers that place nowhere, or raise · 8 executions that change the graph ·
9 the graph as data and text · 10 nothing is held that has gone. The first five are in test_behaviour.py.
"""

import contextlib
import gc
import weakref
from typing import Any

import pytest

from naive_daemon.redflow import (
    CallbackError,
    Cluster,
    ClusterView,
    Creator,
    LevelView,
    MapperError,
    RedFlow,
    Source,
    graph_of,
    print_graph,
)
from tests.redflow.bots import Bot, Graph, by, fails_for, ids, shape, source_of

BTC, ETH, XRP = "BTCUSDT", "ETHUSDT", "XRPUSDT"


# 6 ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("removed", [0, 1, 2])
def test_6_only_what_was_emptied_goes_and_the_rest_is_untouched(removed: int) -> None:
    graph = Graph().start(Bot(BTC), Bot(ETH), Bot(XRP))
    others = [
        cluster for flow in graph.stream.levels() for cluster in flow.clusters if f"b{removed}" not in cluster.sources
    ]
    for cluster in others:
        cluster.data, cluster.ctx["resource"] = object(), object()
    before = [(cluster.data, dict(cluster.ctx), dict(cluster.sources)) for cluster in others]
    detached = graph.stream.remove_source(f"b{removed}")
    assert ids(detached) == [("account", "a"), ("decision", "s"), ("stream", (BTC, ETH, XRP)[removed])]
    assert [cluster for flow in graph.stream.levels() for cluster in flow.clusters] == others
    assert [(cluster.data, dict(cluster.ctx), dict(cluster.sources)) for cluster in others] == before
    assert (len(others), graph.stream.count, graph.decision.count, graph.account.count) == (6, 2, 2, 2)


# 7 ------------------------------------------------------------------------------------------------------------------


def test_7_a_source_placed_nowhere_is_unclustered_at_that_level_and_below() -> None:
    graph = Graph()
    graph.decision.mapper = lambda source, creator, parent: (
        None if source.data.settings == "none" else by("settings")(source, creator, parent)
    )
    graph.start(Bot(BTC, "none"), Bot(BTC, "s"))
    assert ids(graph.stream.find("b0").clusters) == [("stream", BTC)]
    assert shape(graph.stream) == {BTC: (["b0", "b1"], {"decision": {"s": (["b1"], {"account": {"a": (["b1"], {})}})}})}
    assert ids(graph.stream.remove_source("b0")) == []


def test_7_a_mapper_that_raises_leaves_the_graph_as_it_was_and_says_where() -> None:
    graph = Graph()
    graph.account.mapper = fails_for("bad")
    graph.start(Bot(BTC, "s", "a"))
    before, clusters = shape(graph.stream), [flow.clusters for flow in graph.stream.levels()]
    graph.told.clear()
    bad = source_of(2, Bot(ETH, "s", "bad"))
    with pytest.raises(
        MapperError, match=r"level 'account', <Source 'b2'>: the mapper raised ValueError\('bad data'\)"
    ):
        graph.stream.add_sources([source_of(1, Bot(BTC, "s", "b")), bad, source_of(3, Bot(XRP))])
    graph.stream.remove_source("b1")
    assert (shape(graph.stream), [flow.clusters for flow in graph.stream.levels()]) == (before, clusters)
    assert (bad.clusters, list(graph.stream.sources)) == ((), ["b0"])
    # What was told to be new was told to be gone; what was never told, was neither.
    assert graph.told[3:-1] == [
        ("add", "stream", "b2", ETH, True),
        ("add", "decision", "b2", "s", True),
        ("detach", "decision", "s"),
        ("detach", "stream", ETH),
    ]


def test_7_nothing_stays_of_a_source_that_failed_also_where_clusters_stay() -> None:
    graph = Graph(stays=True).start(Bot(BTC))
    graph.account.mapper = fails_for("bad")
    graph.stream.remove_source("b0")
    for symbol in (ETH, BTC):
        with pytest.raises(MapperError):
            graph.stream.add_sources([source_of(1, Bot(symbol, "s", "bad"))])
        assert shape(graph.stream) == {BTC: ([], {"decision": {}})}


def _marking(source: Source[str], creator: Creator[str, Any], parent: Any) -> None:
    _, cluster = creator.create_or_get("shared")
    if source.data != "good":
        cluster.data = source.id
        cluster.keep()
    if source.data == "bad":
        raise ValueError(source.data)


@pytest.mark.parametrize("data", ["bad", "bad below"])
def test_7_what_a_mapper_has_made_of_a_cluster_of_others_is_taken_back_when_it_or_one_below_raises(data: str) -> None:
    def below(source: Source[str], creator: Creator[str, Any], parent: Any) -> None:
        if source.data == "bad below":
            raise ValueError(source.data)

    flow: RedFlow[str, Any] = RedFlow("level", _marking)
    flow.link_child("below", RedFlow("below", below))
    flow.init_flow()
    flow.add_sources([Source(1, "good")])
    with pytest.raises(MapperError):
        flow.add_sources([Source(2, data)])
    shared = flow.find_cluster("shared")
    assert (shared.data, shared.stays) == (None, False)
    assert flow.remove_source(1) == (shared,)


def test_7_what_others_have_made_of_the_cluster_meanwhile_stays() -> None:
    def add_another(source: Source[str], cluster: Cluster[str, Any], is_new: bool) -> None:
        if source.id == 2:
            flow.add_sources([Source(3, "marks")])

    def below(source: Source[str], creator: Creator[str, Any], parent: Any) -> None:
        if source.id == 2:
            raise ValueError(source.id)

    flow: RedFlow[str, Any] = RedFlow("level", _marking, on_source_add=add_another)
    flow.link_child("below", RedFlow("below", below))
    flow.init_flow()
    flow.add_sources([Source(1, "good")])
    with pytest.raises(MapperError):
        flow.add_sources([Source(2, "marks")])
    shared = flow.find_cluster("shared")
    assert (shared.data, shared.stays, list(shared.sources)) == (3, True, [1, 3])


def test_7_initialisation_and_linking_that_fail_leave_nothing_behind() -> None:
    graph = Graph()
    graph.account.mapper = fails_for("bad")
    graph.stream.add_sources([source_of(0, Bot(BTC)), source_of(1, Bot(BTC, "s", "bad"))])
    with pytest.raises(MapperError, match="'b1'"):
        graph.stream.init_flow()
    assert (shape(graph.stream), graph.account.count) == ({}, 0)
    assert [told[0] for told in graph.told].count("add") == 5
    assert [told[:2] for told in graph.told[5:]] == [
        ("detach", "account"),
        ("detach", "decision"),
        ("detach", "stream"),
    ]
    graph.stream.remove_source("b1")
    graph.stream.init_flow()
    before = shape(graph.stream)
    worse = RedFlow("worse", fails_for("a"))
    with pytest.raises(MapperError, match="level 'worse', <Source 'b0'>"):
        graph.stream.link_child("worse", worse)
    assert (shape(graph.stream), worse.parent, list(graph.stream.children)) == (before, None, ["decision"])
    with pytest.raises(MapperError, match="level 'other', <Source 'b0'>"):
        graph.stream.link_child("other", worse)
    assert worse.name == "worse"


# 8 ------------------------------------------------------------------------------------------------------------------


def test_8_an_execution_sees_who_was_there_when_it_began_less_who_went() -> None:
    graph = Graph().start(Bot("A"), Bot("B"), Bot("C"), Bot("D"))
    seen = []

    def change(cluster: Any, *_: Any) -> None:
        seen.append(cluster.clustering_id)
        if cluster.clustering_id == "A":
            graph.stream.remove_source("b0")
            graph.stream.remove_source("b2")
            graph.stream.add_sources([source_of(9, Bot("E")), source_of(2, Bot("C"))])

    graph.stream.exec(change)
    assert seen == ["A", "B", "D"]  # C is another one now, and E came later
    assert [cluster.clustering_id for cluster in graph.stream.clusters] == ["B", "D", "E", "C"]


def test_8_what_was_detached_meanwhile_has_nothing_below_to_run_on() -> None:
    graph = Graph().start(Bot(BTC), Bot(ETH))
    below: list[Any] = []

    def change(cluster: Any, parent: Any, executors: Any, flow: Any, ctx: Any) -> None:
        graph.stream.remove_source("b0" if cluster.clustering_id == BTC else "b1")
        executors.decision.exec(lambda cluster, *_: below.append(cluster))
        flow.exec_on_cluster(cluster, lambda cluster, *_: below.append(cluster))

    graph.stream.exec(change)
    assert (below, graph.stream.count) == ([], 0)


def test_8_a_level_may_be_unlinked_and_another_linked_while_it_runs() -> None:
    graph = Graph().start(Bot(BTC, account="a"), Bot(BTC, account="b"))
    seen = []

    def change(cluster: Any, *_: Any) -> None:
        seen.append(cluster.clustering_id)
        graph.stream.unlink_child("decision")
        graph.stream.link_child("decision", graph.decision)

    graph.account.exec(change)
    assert (seen, graph.account.count) == (["a"], 2)


# 9 ------------------------------------------------------------------------------------------------------------------


def test_9_the_graph_as_data_and_as_text() -> None:
    graph = Graph().start(Bot(BTC, "s", "a"), Bot(BTC, "s", "b"), Bot(BTC, "t", "a"), Bot(ETH, "line\nbreak", ""))
    graph.stream.find_cluster(BTC).data = "open"
    graph.stream.find_cluster(BTC).keep()
    view = graph.stream.graph()
    assert view.level == LevelView(
        name="stream",
        clusters=2,
        levels=(LevelView(name="decision", clusters=3, levels=(LevelView(name="account", clusters=4),)),),
    )
    assert view.sources == 4
    assert view.clusters[0].clusters[1] == ClusterView(
        level="decision", id="t", sources=1, clusters=(ClusterView(level="account", id="a", sources=1),)
    )
    assert print_graph(view).splitlines() == [
        "stream BTCUSDT · 3 sources · stays · open",
        "├─ decision s · 2 sources",
        "│  ├─ account a · 1 source",
        "│  └─ account b · 1 source",
        "└─ decision t · 1 source",
        "   └─ account a · 1 source",
        "stream ETHUSDT · 1 source",
        r"└─ decision 'line\nbreak' · 1 source",
        "   └─ account '' · 1 source",
        "4 sources; stream 2 (decision 3 (account 4))",
    ]


def test_9_a_part_of_it_so_deep_and_in_other_words() -> None:
    graph = Graph().start(Bot(BTC, "s", "a"), Bot(BTC, "s", "b"), Bot(ETH))
    view = graph_of(
        graph.stream, [graph.stream.find_cluster(BTC)], depth=2, show=lambda cluster: f"<{cluster.clustering_id}>"
    )
    assert print_graph(view).splitlines() == [
        "stream BTCUSDT · 2 sources · <BTCUSDT>",
        "└─ decision s · 2 sources · <s> · 2 clusters below",
        "3 sources; stream 2 (decision 2 (account 3))",
    ]
    assert view.clusters[0].clusters[0].hidden == 2
    assert graph.stream.graph(depth=1).clusters[0].hidden == 3


# 10 -----------------------------------------------------------------------------------------------------------------


def test_10_nothing_is_held_of_what_was_removed() -> None:
    graph = Graph().start(Bot(BTC), Bot(BTC, "t"), Bot(ETH))
    gc.disable()  # what goes, goes at once and without the collector
    try:
        gone = [weakref.ref(graph.stream.find(name)) for name in ("b1", "b2")]
        gone += [weakref.ref(cluster) for cluster in graph.stream.find("b2").clusters]
        gone += [weakref.ref(graph.decision.find_cluster(BTC, "t")), _failed_to_add(graph)]
        graph.stream.exec(lambda cluster, *_: cluster)
        graph.stream.remove_source("b1")
        graph.stream.remove_source("b2")
        assert [reference() for reference in gone] == [None] * len(gone)
        clusters = [weakref.ref(cluster) for cluster in (*graph.decision.clusters, *graph.account.clusters)]
        graph.stream.unlink_child("decision")
        assert [reference() for reference in clusters] == [None, None]
    finally:
        gc.enable()


def test_10_an_error_holds_nothing_when_it_has_gone() -> None:
    graph = Graph().start(Bot(BTC), Bot(ETH))

    def fail(cluster: Cluster[Bot, Any]) -> None:
        raise OSError

    for flow in graph.stream.levels():
        flow.on_cluster_detach = fail
    gc.disable()
    try:
        gone = [weakref.ref(cluster) for cluster in graph.stream.find("b0").clusters]
        with contextlib.suppress(CallbackError):
            graph.stream.remove_source("b0")
        graph.stream.on_cluster_detach = graph.decision.on_cluster_detach = None
        gone += [weakref.ref(cluster) for cluster in graph.stream.find("b1").clusters]
        with contextlib.suppress(CallbackError):
            graph.stream.remove_source("b1")
        assert [reference() for reference in gone] == [None] * 6
    finally:
        gc.enable()


def _failed_to_add(graph: Graph) -> "weakref.ref[Source[Bot]]":
    source = source_of(8, Bot(XRP))
    graph.account.mapper = fails_for("a")
    with contextlib.suppress(MapperError):
        graph.stream.add_sources([source])
    graph.account.mapper = by("account")
    assert "b8" not in graph.stream.sources
    return weakref.ref(source)
