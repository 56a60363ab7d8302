"""A source: one element that is clustered. It belongs to one graph at a time, whose collection writes here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from naive_daemon.redflow.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from naive_daemon.redflow.cluster import Cluster

SourceData = TypeVar("SourceData")


class Source(Generic[SourceData]):
    """An element with `data` and an id that no other source of its graph has; ids are equal where Python says so.

    Raises SourceError for an id that can not be hashed. It may be added again after it was removed.
    """

    __slots__ = ("__weakref__", "data", "id", "memberships", "number")

    def __init__(self, id: Hashable, data: SourceData) -> None:  # noqa: A002 (what it is)
        try:
            hash(id)
        except TypeError as error:
            raise SourceError(f"{id!r} can not be the id of a source: {error}") from error
        self.id = id
        self.data = data
        self.memberships: tuple[Cluster[SourceData, Any], ...] | list[Cluster[SourceData, Any]] = ()
        """Its clusters, a parent always before its children. Written by the collection only.

        Nearly always the path of one cluster, which all who came the same way share: of a source that goes nothing has
        to be fetched from memory that is only its own. Where it came by several ways it has a list.
        """
        self.number = 0
        """How many sources its graph had been given when it came, itself included; 0 while it is in no graph."""

    @property
    def clusters(self) -> tuple[Cluster[SourceData, Any], ...]:
        """The clusters that it belongs to, a parent always before its children; none once it was removed."""
        return tuple(self.memberships)

    def __repr__(self) -> str:
        return f"<Source {self.id!r}>"
