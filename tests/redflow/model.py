"""What a graph is, in plain dictionaries and the slowest way: who is where is looked through from end to end."""

from collections.abc import Hashable, Iterable

Path = tuple[tuple[str, Hashable], ...]
"""Level and id of each cluster from the first level down to this one."""


class Model:
    """Clusters by their paths, each with the sources in it. Told of each placing, by the mappers themselves."""

    def __init__(self) -> None:
        self.members: dict[Path, set[Hashable]] = {}
        self.marked: set[Path] = set()
        self.maker: dict[Path, Hashable] = {}
        self.told: set[Path] = set()

    def place(self, source: Hashable, path: Path, *, stays: bool) -> None:
        """Put a source into a cluster, which is marked from the beginning where its level says so."""
        if path not in self.members:
            self.members[path] = set()
            self.maker[path] = source
            if stays:
                self.marked.add(path)
        self.members[path].add(source)

    def remove(self, source: Hashable) -> set[Path]:
        """Take a source out everywhere; gives the clusters that go."""
        for path, there in self.members.items():
            there.discard(source)
            if not there and path not in self.told:
                self.marked.discard(path)
        return self._drop_idle()

    def undo(self, source: Hashable) -> set[Path]:
        """Take out a source that has never been: what was made for it goes, unless another is there by now."""
        for path, there in self.members.items():
            there.discard(source)
            if not there and (self.maker[path] == source or path not in self.told):
                self.marked.discard(path)
        return self._drop_idle()

    def unlink(self, levels: Iterable[str]) -> set[Path]:
        """Take levels away; gives the clusters that go."""
        gone = {path for path in self.members if path[-1][0] in set(levels)}
        self._drop(gone)
        return gone | self._drop_idle()

    def release(self, path: Path) -> set[Path]:
        """Take a cluster's mark; gives the clusters that go."""
        self.marked.discard(path)
        return self._drop_idle()

    def paths_of(self, source: Hashable) -> set[Path]:
        """Look up where a source is."""
        return {path for path, there in self.members.items() if source in there}

    def _drop_idle(self) -> set[Path]:
        gone: set[Path] = set()
        while True:
            idle = {
                path
                for path, there in self.members.items()
                if not there
                and path not in self.marked
                and not any(other[: len(path)] == path for other in self.members if len(other) > len(path))
            }
            if not idle:
                return gone
            self._drop(idle)
            gone |= idle

    def _drop(self, gone: set[Path]) -> None:
        for path in gone:
            del self.members[path], self.maker[path]
            self.marked.discard(path)
            self.told.discard(path)
