"""What Prometheus is told of the whole tree: figures that agree with what happened."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from naive_daemon import names
from naive_daemon.account.account import AccountQuery
from naive_daemon.domain.settings import TradingStatus
from naive_daemon.market.flow import LEVELS
from naive_daemon.metrics.collector import DaemonCollector
from naive_daemon.trading.symbol_record import STATES
from tests.trading.plant import Plant, with_trade
from tests.trading.table import ACCOUNT
from tests.trading.test_quarantine import ruin

Figures = dict[str, float]


class Scraper:
    """Reads the figures of a plant, as text and back."""

    def __init__(self, plant: Plant) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(DaemonCollector(plant.system))

    def scrape(self) -> Figures:
        text = generate_latest(self._registry).decode()
        return {
            ",".join([sample.name, *sample.labels.values()]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@pytest.fixture
def plant() -> Iterator[Plant]:
    plant = Plant("AAAQ", "BBBQ", "CCCQ").start().on("AAAQ", "BBBQ")
    yield plant
    plant.stop()


def test_symbols_and_traders(plant: Plant) -> None:
    scraper = Scraper(plant)
    plant.trades("100", "99.8")
    ruin(plant, "BBBQ")
    figures = scraper.scrape()
    states = {state: figures[f"naive_symbols,{state}"] for state in STATES}
    assert {state: count for state, count in states.items() if count} == {"on": 1, "quarantined": 1}
    assert figures["naive_traders"] == 1
    plant.switch(TradingStatus.OFF, "AAAQ")
    assert scraper.scrape()["naive_symbols,on"] == 0


def test_works_and_what_they_share(plant: Plant) -> None:
    scraper = Scraper(plant)
    plant.trade("100")  # a buy rests, with the settings of now
    plant.switch(TradingStatus.ON, "AAAQ", with_trade(chunks=2))
    figures = scraper.scrape()
    assert figures["naive_works"] == 3
    levels = {level: figures[f"naive_flow_clusters,{level}"] for level in LEVELS}
    assert levels == {"stream": 2, "decision": 3, "candles": 0, "signal": 0, "account": 3}
    assert figures["naive_flow_processes,open"] == 2


def test_actors_and_messages(plant: Plant) -> None:
    scraper = Scraper(plant)
    before = scraper.scrape()
    assert before["naive_actors,running"] > 15
    assert before["naive_actors,stuck"] == before["naive_mailboxes_congested"] == 0
    assert before["naive_census_complete"] == 1
    plant.trades("100", "99.8", "100.3")
    plant.kill(names.leader(ACCOUNT, "AAAQ"))
    plant.settle()
    after = scraper.scrape()
    assert after["naive_messages_handled_total"] > before["naive_messages_handled_total"]
    assert after["naive_restarts_total,symbol"] >= 1
    assert after["naive_messages_dropped_total"] == 0
    assert after["naive_scrape_seconds"] == 0  # of virtual time


def test_the_account_tells_its_positions_and_what_they_have_gained(plant: Plant) -> None:
    scraper = Scraper(plant)
    plant.trades("100", "99.8", "99.95")
    figures = scraper.scrape()
    assert figures[f"naive_account_positions,{ACCOUNT}"] == 1
    view = plant.system.ask(names.account(ACCOUNT), AccountQuery())
    (position,) = view.positions
    assert position.quantity > 0
    assert position.last_price == Decimal("99.95")
    told = figures[f"naive_account_pnl_unrealised,{ACCOUNT},Q"]
    assert told == float(position.quantity * (position.last_price - position.entry_price)) > 0
    assert figures[f"naive_account_metadata_failed,{ACCOUNT}"] == 0
    plant.system.suspend(plant.ref(names.account(ACCOUNT)), 60.0)
    plant.settle()
    assert f"naive_account_positions,{ACCOUNT}" not in scraper.scrape()


def test_readme_has_a_row_for_every_metric(plant: Plant) -> None:
    _, _, rest = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").partition("| metric |")
    plant.kill(names.leader(ACCOUNT, "AAAQ"))
    plant.settle()
    rows = set(re.findall(r"`(naive_\w+)", rest.partition("\n\n")[0]))
    served = {
        name.partition(",")[0] for name in Scraper(plant).scrape() if not name.partition(",")[0].endswith("_created")
    }
    assert served == {row for row in rows if not row.startswith("naive_market_")}  # a played market has none of those


def test_what_is_not_known_is_left_out(plant: Plant) -> None:
    scraper = Scraper(plant)
    plant.system.suspend(plant.ref(names.SWITCHES), 60.0)
    plant.settle()
    figures = scraper.scrape()
    assert "naive_traders" not in figures
    assert figures["naive_actors,suspended"] == 1
    plant.system.resume(plant.ref(names.SWITCHES))
    plant.settle()
    assert scraper.scrape()["naive_traders"] == 2


def test_the_labels_are_few_however_many_symbols() -> None:
    plant = Plant(*(f"{letter}{other}AQ" for letter in "ABCDE" for other in "ABCD")).start().on()
    for symbol in plant.symbols:
        plant.kill(names.leader(ACCOUNT, symbol))
    plant.settle()
    figures = Scraper(plant).scrape()
    assert figures["naive_restarts_total,symbol"] == 2 * len(plant.symbols)  # both children of each start again
    assert len(figures) < 70
    plant.stop()


def test_execution(plant: Plant) -> None:
    scraper = Scraper(plant)
    plant.trades("100", "99.8")
    figures = scraper.scrape()
    live = [order for order in plant.journal.orders() if not order.status.is_terminal]
    assert figures[f"naive_orders_live,{ACCOUNT}"] == len(live) > 0
    assert figures[f"naive_exchange_connected,{ACCOUNT}"] == 1
    for name in ("naive_orders_unknown", "naive_orders_foreign", "naive_entries_held", "naive_entries_refused_total"):
        assert figures[f"{name},{ACCOUNT}"] == 0
    plant.table.set_kill_switch(is_on=True)
    plant.settle()
    assert scraper.scrape()[f"naive_entries_held,{ACCOUNT}"] == 1
