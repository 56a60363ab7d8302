"""What is remembered of each symbol beside what the exchange can tell; any frozen struct."""

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

Metadata = TypeVar("Metadata", bound=msgspec.Struct)


class MetadataTable(Generic[Metadata]):
    """Metadata by symbol, and whether it has changed since somebody has kept it elsewhere."""

    def __init__(self) -> None:
        self._by_symbol: dict[str, Metadata] = {}
        self.is_pending_persist = False
        """Set by every change here; whoever persists clears it."""

    def set(self, symbol: str, metadata: Metadata) -> None:
        """Take a symbol's metadata; raises TypeError for a struct that could be changed once it is handed out."""
        self._by_symbol[symbol] = _frozen(metadata)
        self.is_pending_persist = True

    def get(self, symbol: str) -> Metadata | None:
        """Give a symbol's metadata, if there is any."""
        return self._by_symbol.get(symbol)

    def delete(self, symbol: str) -> bool:
        """Forget a symbol's metadata; False when there was none, which is no change."""
        if self._by_symbol.pop(symbol, None) is None:
            return False
        self.is_pending_persist = True
        return True

    def set_value(self, symbol: str, field: str, value: object) -> None:
        """Change one value of a symbol; raises KeyError while it has no metadata, and for a field that it lacks."""
        known = self._by_symbol.get(symbol)
        if known is None:
            raise KeyError(f"{symbol} has no metadata yet, of which {field} could be set")
        if field not in known.__struct_fields__:
            raise KeyError(f"metadata has no {field}; there are {', '.join(known.__struct_fields__)}")
        self.set(symbol, msgspec.structs.replace(known, **{field: value}))

    def all(self) -> dict[str, Metadata]:
        """Give the metadata of all symbols."""
        return dict(self._by_symbol)

    def replace_all(self, metadata: Mapping[str, Metadata]) -> None:
        """Have this and nothing else."""
        self._by_symbol = {symbol: _frozen(one) for symbol, one in metadata.items()}
        self.is_pending_persist = True

    def symbols(self) -> tuple[str, ...]:
        """Name the symbols that have metadata."""
        return tuple(self._by_symbol)


def _frozen(metadata: Metadata) -> Metadata:
    if not metadata.__struct_config__.frozen:
        raise TypeError(f"{type(metadata).__name__} is not frozen: who got one could change it unseen")
    return metadata
