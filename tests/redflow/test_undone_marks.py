"""Rule 7: a mapper that raises leaves the graph as it was, also what it has marked to stay."""

from typing import Any

import pytest

from naive_daemon.redflow import Cluster, Creator, MapperError, RedFlow, Source


@pytest.mark.xfail(strict=True, reason="a mark that a failed mapper has set on a cluster of others is not taken back")
def test_a_mapper_that_marks_a_cluster_to_stay_and_raises_leaves_it_unmarked() -> None:
    detached: list[Cluster[str, Any]] = []

    def mapper(source: Source[str], creator: Creator[str, Any], parent: Any) -> None:
        _, cluster = creator.create_or_get("shared")
        if source.data == "bad":
            cluster.keep()
            raise ValueError("bad")

    flow: RedFlow[str, Any] = RedFlow("level", mapper, on_cluster_detach=detached.append)
    flow.init_flow()
    flow.add_sources([Source(1, "good")])
    with pytest.raises(MapperError):
        flow.add_sources([Source(2, "bad")])
    assert not flow.find_cluster("shared").stays
    flow.remove_source(1)
    assert [cluster.clustering_id for cluster in detached] == ["shared"]
