"""A random walk over a graph, drawn from a seed, and a plain model beside it: both are compared after each step.

Sources come and go, alone and in batches, good and bad; clusters are kept and released; levels are linked and unlinked;
executions run. Callbacks and executions change the graph themselves, and raise.
"""

import random
import weakref
from collections import Counter
from typing import TYPE_CHECKING, Any

from naive_daemon.redflow import (
    CallbackError,
    Cluster,
    Creator,
    LinkError,
    MapperError,
    RedFlow,
    Source,
    SourceError,
    initiate,
)
from tests.redflow.model import Model, Path

if TYPE_CHECKING:
    from collections.abc import Hashable

LEVELS = 6
POPULATION = 16
NESTED_MAX = 3
Placing = dict[str, Any]
"""For each level the ids of the clusters that a source belongs to, or what its mapper does wrong."""


class BoomError(Exception):
    """What a callback raises."""


class Walk:
    """One graph, its model, and a random generator that says what comes next."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.model = Model()
        self.sources: dict[Hashable, Source[Placing]] = {}
        self.told: dict[int, weakref.ref[Cluster[Placing, Any]]] = {}
        self.gone: list[weakref.ref[Any]] = []
        self.log: list[str] = []
        self.counts: Counter[str] = Counter()
        self._nested = 0
        self._calm = True
        self._boom = 0.0
        self._has_boomed = False
        self._number = 0
        self.levels = [self._level(number) for number in range(LEVELS)]
        self.root: RedFlow[Placing, Any] = initiate(self._nest(self.levels[: self.random.randint(1, LEVELS)]))

    def run(self, steps: int) -> None:
        """Go so many steps, and compare after each."""
        for _ in range(steps):
            self.step()
            self.compare()
            assert [reference for reference in self.gone if reference() is not None] == []
            self.gone.clear()

    def step(self) -> None:
        """Do something, with callbacks that do something, too, or raise."""
        self.log.clear()
        self._calm = self.random.random() < 0.5
        self._boom = 0.02 if self._calm else 0.0
        self._has_boomed = False
        self._do(
            (self._add, 10 if len(self.sources) < POPULATION else 3),
            (self._add_batch, 2),
            (self._add_known, 1),
            (self._remove, 9 if len(self.sources) > POPULATION // 2 else 3),
            (self._remove_unknown, 1),
            (self._keep, 3),
            (self._release, 4),
            (self._execute, 3),
            (self._link, 2),
            (self._link_wrong, 1),
            (self._unlink, 1),
            (self._initialise, 1 if self.root.collection.is_initialised else 8),
        )

    def compare(self) -> None:
        """Hold the graph against the model; raises AssertionError."""
        clusters = {self._path(cluster): cluster for flow in self.root.levels() for cluster in flow.clusters}
        assert {path: set(cluster.sources) for path, cluster in clusters.items()} == self.model.members
        assert {path for path, cluster in clusters.items() if cluster.stays} == self.model.marked
        assert list(self.root.sources.items()) == list(self.sources.items())
        for name, source in self.sources.items():
            paths = [self._path(cluster) for cluster in source.clusters]
            assert len(set(paths)) == len(paths)
            assert set(paths) == self.model.paths_of(name) == set(self._reach(source))
            assert all(path[:-1] in paths[:index] for index, path in enumerate(paths) if path[:-1])
        for flow in self.root.levels():
            assert flow.count == len(flow.clusters)
            assert all(flow.niche(cluster.parent)[cluster.clustering_id] is cluster for cluster in flow.clusters)
        assert {id(cluster) for cluster in clusters.values()} == self.told.keys()
        assert all(cluster.is_attached and cluster.ctx["path"] == path for path, cluster in clusters.items())

    # What may be done -------------------------------------------------------------------------------------------------

    def _do(self, *choices: tuple[Any, int]) -> None:
        (act,) = self.random.choices([act for act, _ in choices], [weight for _, weight in choices])
        name = act.__name__.strip("_")
        self.log.append("  " * self._nested + name)
        self.counts[name] += 1
        act()

    def _add(self) -> None:
        source = self._source()
        self.sources[source.id] = source
        is_bad = self._is_bad(source)
        try:
            self.root.add_sources([source])
        except MapperError:
            assert is_bad
            self._undo(source)
        except CallbackError:
            assert self._has_boomed
            self._undo(source)
        else:
            assert not is_bad or self.sources.get(source.id) is not source or not self.root.collection.is_initialised

    def _add_batch(self) -> None:
        """Add three, of which the second may be bad; callbacks only look on, so that all else is certain."""
        self._calm, self._boom = True, 0.0
        batch = [self._source(bad=0.3 if number == 1 else 0.0) for number in range(3)]
        bad = self.root.collection.is_initialised and self._is_bad(batch[1])
        for source in batch[:1] if bad else batch:
            self.sources[source.id] = source
        try:
            self.root.add_sources(iter(batch))
        except MapperError:
            assert bad
            self._undo(batch[1])
        else:
            assert not bad

    def _add_known(self) -> None:
        if self.sources:
            known = Source(self.random.choice(list(self.sources)), {})
            refused(SourceError, lambda: self.root.add_sources([self._source(), known]))
            refused(SourceError, lambda: self.root.add_sources([self.sources[known.id]]))

    def _remove(self) -> None:
        if not self.sources:
            return
        source = self.sources.pop(self.random.choice(list(self.sources)))
        gone = self.model.remove(source.id)
        self._await_end(source)
        asked = source if self.random.random() < 0.5 else source.id
        del source
        self._gone(gone, lambda: self.random.choice(self.root.levels()).remove_source(asked))

    def _remove_unknown(self) -> None:
        refused(SourceError, lambda: self.root.remove_source("nobody"))

    def _keep(self) -> None:
        cluster = self._cluster()
        if cluster is not None:
            cluster.keep()
            self.model.marked.add(self._path(cluster))

    def _release(self) -> None:
        marked = sorted(self.model.marked, key=repr)
        if marked:
            path = self.random.choice(marked)
            gone = self.model.release(path)
            cluster = self._at(path)
            self._gone(gone, cluster.release)

    def _execute(self) -> None:
        flow = self.random.choice(self.root.levels())
        snapshot = flow.clusters
        ran: list[Cluster[Placing, Any]] = []

        def fn(cluster: Any, parent: Any, executors: Any, flow: Any, ctx: Any) -> None:
            assert cluster.is_attached
            assert ctx["path"] == self._path(cluster)
            ran.append(cluster)
            for name in executors:
                below = executors[name].exec(lambda child, parent, *_: (child.flow.name, parent))
                assert below == [(name, cluster)] * len(flow.child(name).niche(cluster))
            self._nest_something(0.3)

        flow.exec(fn)
        assert ran == [cluster for cluster in snapshot if cluster in ran]
        assert not any(cluster.is_attached for cluster in snapshot if cluster not in ran)

    def _link(self) -> None:
        """Link a level that is not, with what hangs below it; a bad source may be in its way."""
        free = [flow for flow in self.levels if flow.parent is None and flow is not self.root]
        if not free:
            return
        child, parent = self.random.choice(free), self.random.choice(self.root.levels())
        if parent.collection is child.collection:
            return
        names = [flow.name for flow in child.levels()]
        try:
            self._link_from_a_side(child, parent)
        except (MapperError, CallbackError):
            assert self._has_boomed or self._calm
            assert child.parent is None
            self.model.unlink(names)

    def _link_from_a_side(self, child: RedFlow[Placing, Any], parent: RedFlow[Placing, Any]) -> None:
        if self.random.random() < 0.5:
            child.link_to_parent(child.name, parent)
        else:
            parent.link_child(child.name, child)

    def _link_wrong(self) -> None:
        flow, other = self.random.choice(self.levels), self.random.choice(self.root.levels())
        if flow is self.root or flow.parent is not None:
            refused(LinkError, lambda: other.link_child("other", flow))

    def _unlink(self) -> None:
        flow = self.random.choice(self.root.levels())
        if flow.parent is not None and not self._nested:
            parent = flow.parent
            gone = self.model.unlink([below.name for below in flow.levels()])
            self._gone(gone, lambda: parent.unlink_child(flow.name))

    def _initialise(self) -> None:
        was = self.root.collection.is_initialised
        try:
            self.random.choice(self.root.levels()).init_flow()
        except (MapperError, CallbackError):
            assert not was
            assert not self.root.collection.is_initialised
            self.model.unlink([flow.name for flow in self.levels])

    # What callbacks do ------------------------------------------------------------------------------------------------

    def _nest_something(self, chance: float) -> None:
        if self._calm or self._nested >= NESTED_MAX or self.random.random() > chance:
            return
        self._nested += 1
        self._do((self._add, 4), (self._remove, 3), (self._keep, 1), (self._release, 2), (self._remove_unknown, 1))
        self._nested -= 1

    def _level(self, number: int) -> RedFlow[Placing, Any]:
        name = f"l{number}"
        stays = self.random.random() < 0.2

        def mapper(source: Source[Placing], creator: Creator[Placing, Any], parent: Any) -> Any:
            placing = source.data[name]
            for place in [0] if isinstance(placing, str) else placing:
                path = (*(self._path(parent) if parent else ()), (name, place))
                is_new = path not in self.model.members
                self.model.place(source.id, path, stays=stays)
                created, cluster = creator.create_or_get(place)
                assert created == is_new
                if created:
                    cluster.ctx["path"] = path
            if isinstance(placing, str):
                self._calm, self._boom = True, 0.0  # from here on it is undone, and nobody interferes
                if placing == "raises":
                    raise ValueError(name)
                return placing
            return None

        def added(source: Source[Placing], cluster: Cluster[Placing, Any], is_new: bool) -> None:
            assert source.id in cluster.sources
            assert is_new == (id(cluster) not in self.told)
            self.told[id(cluster)] = weakref.ref(cluster)
            self.model.told.add(cluster.ctx["path"])
            self._raise()
            self._nest_something(0.15)

        def detached(cluster: Cluster[Placing, Any]) -> None:
            assert not cluster.is_attached
            assert not cluster.sources
            assert cluster.parent is None or cluster.ctx["path"][:-1] == cluster.parent.ctx["path"]
            self.gone.append(self.told.pop(id(cluster)))
            self._raise()
            self._nest_something(0.15)

        return RedFlow(name, mapper, on_source_add=added, on_cluster_detach=detached, stays=stays)

    def _raise(self) -> None:
        if self.random.random() < self._boom:
            self._boom, self._has_boomed = 0.0, True
            raise BoomError

    # Drawing ----------------------------------------------------------------------------------------------------------

    def _source(self, bad: float | None = None) -> Source[Placing]:
        """Draw a source; also a bad one, unless others interfere while it comes."""
        often = 0.02 if self.root.collection.is_initialised else 0.002
        chance = (often if self._calm else 0.0) if bad is None else bad
        self._number += 1
        return Source(f"s{self._number}", {flow.name: self._placing(chance) for flow in self.levels})

    def _placing(self, bad: float) -> Any:
        if self.random.random() < bad:
            return self.random.choice(("raises", "returns"))
        count = self.random.choices((0, 1, 2, 3), (10, 70, 15, 5))[0]
        return [self.random.randint(0, 2) for _ in range(count)]

    def _nest(self, flows: list[RedFlow[Placing, Any]]) -> Any:
        """Draw a tree of all these levels, the first on top."""
        branches: list[tuple[RedFlow[Placing, Any], list[Any]]] = [(flow, []) for flow in flows]
        for index in range(1, len(branches)):
            branches[self.random.randrange(index)][1].append(branches[index])
        return branches[0]

    def _cluster(self) -> Cluster[Placing, Any] | None:
        paths = sorted(self.model.members, key=repr)
        return self._at(self.random.choice(paths)) if paths else None

    # Looking ----------------------------------------------------------------------------------------------------------

    def _path(self, cluster: Cluster[Placing, Any]) -> Path:
        above = () if cluster.parent is None else self._path(cluster.parent)
        return (*above, (cluster.flow.name, cluster.clustering_id))

    def _at(self, path: Path) -> Cluster[Placing, Any]:
        flow = self.levels[int(path[-1][0][1:])]
        return flow.find_cluster(*(place for _, place in path))

    def _reach(self, source: Source[Placing]) -> list[Path]:
        """Say where a source belongs, by its data and the links alone."""
        if not self.root.collection.is_initialised:
            return []
        found: list[Path] = []
        todo: list[tuple[RedFlow[Placing, Any], Path]] = [(self.root, ())]
        for flow, above in todo:
            for place in set(source.data[flow.name]):
                found.append((*above, (flow.name, place)))
                todo += [(child, found[-1]) for child in flow.children.values()]
        return found

    def _is_bad(self, source: Source[Placing]) -> bool:
        todo = [self.root]
        for flow in todo:
            if isinstance(source.data[flow.name], str):
                return True
            if source.data[flow.name]:
                todo += flow.children.values()
        return False

    def _undo(self, source: Source[Placing]) -> None:
        self.sources.pop(source.id, None)
        self.model.undo(source.id)
        self._await_end(source)

    def _await_end(self, what: Any) -> None:
        self.gone.append(weakref.ref(what))

    def _gone(self, expected: set[Path], remove: Any) -> None:
        """Remove, and see that what is detached by that are these clusters, children before parents."""
        try:
            paths = [cluster.ctx["path"] for cluster in remove()]
        except CallbackError:
            assert self._has_boomed
            return
        assert (len(paths), set(paths)) == (len(expected), expected)
        assert all(path[:-1] not in paths[:index] for index, path in enumerate(paths))


def refused(error: type[Exception], act: Any) -> None:
    """Do what must be refused; raises AssertionError when it is not."""
    try:
        act()
    except error:
        return
    raise AssertionError(f"{error.__name__} was expected")
