"""The part of a cache database that keeps values: general objects, currencies, instruments, states."""

from naive_daemon.cache import layout
from naive_daemon.cache.argument import require, require_fields, require_text
from naive_daemon.cache.database import Fields
from naive_daemon.cache.layout import key_of
from naive_daemon.cache.object_base import ObjectBase
from naive_daemon.cache.store import Put, PutTable, Remove, Replace
from naive_daemon.domain.currency import Currency
from naive_daemon.domain.instrument import Instrument
from naive_daemon.domain.synthetic import VENUE, SyntheticInstrument, is_synthetic


class Definitions(ObjectBase):
    """See `CacheDatabase`."""

    # General objects --------------------------------------------------------------------------------------------------

    def add(self, key: str, value: bytes, *, durable: bool = False) -> None:
        """Keep `value` under `key`."""
        require_text(key=key)
        require(bytes, value=value)
        self._store.write(Put(key_of(layout.GENERAL, key), value), durable=durable)

    def replace(self, key: str, value: bytes, *, durable: bool = False) -> None:
        """Like `add`; what was there is kept."""
        require_text(key=key)
        require(bytes, value=value)
        change = Replace(key_of(layout.GENERAL, key), key_of(layout.PREVIOUS, key), value)
        self._store.write(change, durable=durable)

    def load(self) -> dict[str, bytes]:
        """Give all general objects."""
        return self._contents(layout.GENERAL)

    def load_object(self, key: str, *, previous: bool = False) -> bytes | None:
        """Give one general object, or what `replace` kept of it."""
        require_text(key=key)
        return self._store.values([key_of(layout.PREVIOUS if previous else layout.GENERAL, key)])[0]

    def delete(self, key: str, *, durable: bool = False) -> None:
        """Forget a general object and what was kept of it."""
        require_text(key=key)
        self._store.write(Remove((key_of(layout.GENERAL, key), key_of(layout.PREVIOUS, key))), durable=durable)

    # Currencies, instruments ------------------------------------------------------------------------------------------

    def add_currency(self, currency: Currency, *, durable: bool = False) -> None:
        """Keep a currency by its code."""
        require(Currency, currency=currency)
        self._put(layout.CURRENCIES, currency.code, currency, durable=durable)

    def load_currency(self, code: str) -> Currency | None:
        """Give one currency."""
        require_text(code=code)
        return self._read(layout.CURRENCIES, code, Currency)

    def load_currencies(self) -> dict[str, Currency]:
        """Give all currencies by code."""
        return self._read_all(layout.CURRENCIES, Currency)

    def add_instrument(self, instrument: Instrument, *, durable: bool = False) -> None:
        """Keep an instrument by its symbol."""
        require(Instrument, instrument=instrument)
        self._put(layout.INSTRUMENTS, instrument.symbol, instrument, durable=durable)

    def load_instrument(self, symbol: str) -> Instrument | None:
        """Give one instrument."""
        require_text(symbol=symbol)
        return self._read(layout.INSTRUMENTS, symbol, Instrument)

    def load_instruments(self) -> dict[str, Instrument]:
        """Give all instruments by symbol."""
        return self._read_all(layout.INSTRUMENTS, Instrument)

    def add_synthetic(self, synthetic: SyntheticInstrument, *, durable: bool = False) -> None:
        """Keep a synthetic instrument by its symbol."""
        require(SyntheticInstrument, synthetic=synthetic)
        self._put(layout.SYNTHETICS, synthetic.symbol, synthetic, durable=durable)

    def load_synthetic(self, symbol: str) -> SyntheticInstrument | None:
        """Give one; raises ValueError for a symbol that is no synthetic instrument's."""
        require_text(symbol=symbol)
        if not is_synthetic(symbol):
            raise ValueError(f"symbol is {symbol!r}, and not a synthetic instrument's, which ends with {VENUE}")
        return self._read(layout.SYNTHETICS, symbol, SyntheticInstrument)

    def load_synthetics(self) -> dict[str, SyntheticInstrument]:
        """Give all synthetic instruments by symbol."""
        return self._read_all(layout.SYNTHETICS, SyntheticInstrument)

    # States of actors and strategies ----------------------------------------------------------------------------------

    def update_actor(self, actor_id: str, state: Fields, *, durable: bool = False) -> None:
        """Keep an actor's state."""
        require_text(actor_id=actor_id)
        require_fields(state=state)
        self._store.write(PutTable(key_of(layout.ACTORS, actor_id), state), durable=durable)

    def load_actor(self, actor_id: str) -> dict[str, bytes]:
        """Give an actor's state; `{}` when there is none."""
        require_text(actor_id=actor_id)
        return self._store.tables([key_of(layout.ACTORS, actor_id)])[0]

    def delete_actor(self, actor_id: str, *, durable: bool = False) -> None:
        """Forget an actor's state."""
        require_text(actor_id=actor_id)
        self._store.write(Remove((key_of(layout.ACTORS, actor_id),)), durable=durable)

    def update_strategy(self, strategy_id: str, state: Fields, *, durable: bool = False) -> None:
        """Keep a strategy's state."""
        require_text(strategy_id=strategy_id)
        require_fields(state=state)
        self._store.write(PutTable(key_of(layout.STRATEGIES, strategy_id), state), durable=durable)

    def load_strategy(self, strategy_id: str) -> dict[str, bytes]:
        """Give a strategy's state; `{}` when there is none."""
        require_text(strategy_id=strategy_id)
        return self._store.tables([key_of(layout.STRATEGIES, strategy_id)])[0]

    def load_strategies(self) -> dict[str, dict[str, bytes]]:
        """Give the states of all strategies by id."""
        names = self._store.names(layout.STRATEGIES)
        tables = self._store.tables([key_of(layout.STRATEGIES, name) for name in names])
        return {name: table for name, table in zip(names, tables, strict=True) if table}

    def delete_strategy(self, strategy_id: str, *, durable: bool = False) -> None:
        """Forget a strategy's state."""
        require_text(strategy_id=strategy_id)
        self._store.write(Remove((key_of(layout.STRATEGIES, strategy_id),)), durable=durable)

    def _put(self, kind: str, name: str, value: object, *, durable: bool) -> None:
        require_text(**{f"the name of {kind}": name})
        self._store.write(Put(key_of(kind, name), self.encoding.encode(value)), durable=durable)
