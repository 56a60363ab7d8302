"""Deliberate bugs in what keeps the daemon's parts alive, and level with what is wanted of them."""

from tests.simulation.mutants.mutant import Mutant

_LEADER = "trading/leader.py"
_TRADER = "trading/trader.py"
_CREW = "trading/crew.py"
_SWITCHES = "trading/switches.py"
_CONTROL = "trading/control.py"
_SYMBOL = "trading/symbol.py"

SUPERVISION = (
    Mutant(
        name="trader forgotten on crash",
        file=_LEADER,
        old="        slot.ref = None\n        self._crew.start(slot, is_confirmed=False)\n",
        new="        self._crew.remove(slot)\n        self._start_first()\n",
        breaks="orders of a trader that crashed are followed by nobody",
    ),
    Mutant(
        name="fresh cycle after a crash",
        file=_LEADER,
        old="        slot.ref = None\n        self._crew.start(slot, is_confirmed=False)\n",
        new="        self._crew.remove(slot)\n        self._start_fresh()\n",
        breaks="a trader that crashed begins anew, beside the order that it has resting",
    ),
    Mutant(
        name="trader not confirmed after a crash",
        file=_LEADER,
        old="self._crew.start(slot, is_confirmed=False)",
        new="self._crew.start(slot, is_confirmed=True)",
        breaks="a fill that its predecessor died with is never heard of",
    ),
    Mutant(
        name="nobody watches a trader",
        file=_CREW,
        old="            self._actor.monitor(answer.ref)\n",
        new="",
        breaks="a trader that ends, in order or not, is followed by nobody",
    ),
    Mutant(
        name="older confirmation taken for the newest",
        file=_TRADER,
        old="        if number != self._confirmations:\n            return\n",
        new="",
        breaks="an order that was placed meanwhile is forgotten, and placed again",
    ),
    Mutant(
        name="cycle not journaled with its successor",
        file=_LEADER,
        old="        self._journal.tell(RecordCycles(ended))\n",
        new="        self._journal.tell(RecordCycles((position.cycle,)))\n",
        breaks="orders are placed for a cycle that no journal knows",
    ),
    Mutant(
        name="rebuy not journaled",
        file=_LEADER,
        old="        self._journal.tell(RecordCycles((cycle_now, cycle)))\n",
        new="        self._journal.tell(RecordCycles((cycle,)))\n",
        breaks="after a restart the same cycle reports its rebuy again",
    ),
    Mutant(
        name="fresh cycle not journaled",
        file=_LEADER,
        old="        self._journal.tell(RecordCycles((cycle,)))\n        self._start_cycle(cycle)\n",
        new="        self._start_cycle(cycle)\n",
        breaks="the first orders of a symbol belong to no cycle, and to nobody after a restart",
    ),
    Mutant(
        name="open cycles forgotten at a restart",
        file=_LEADER,
        old="        self._resume_cycles(journal.open_cycles)\n",
        new="        pass\n",
        breaks="orders from before a restart are followed by nobody",
    ),
    Mutant(
        name="last trader's drain dropped by the leader",
        file=_LEADER,
        old="            self._journal.tell(PassOn(names.SWITCHES, Drained(account, symbol, self._told)))\n",
        new="            pass\n",
        breaks="a shutdown never ends",
    ),
    Mutant(
        name="drain not passed on by the switches",
        file=_SWITCHES,
        old="                self._drained((account, symbol), told)\n",
        new="                pass\n",
        breaks="a shutdown never ends",
    ),
    Mutant(
        name="drain forgotten at a restart",
        file=_SWITCHES,
        old="        is_wanted = symbol.settings.status is not TradingStatus.OFF\n",
        new="        is_wanted = symbol.settings.status is TradingStatus.ON\n",
        breaks="a shutdown stops its traders, and what they have bought is not sold",
    ),
    Mutant(
        name="symbol's crash charged to its supervisor",
        file=_SYMBOL,
        old="        restart=Restart.TEMPORARY,\n",
        new="        restart=Restart.PERMANENT,\n",
        breaks="one symbol that keeps crashing takes all others down",
    ),
    Mutant(
        name="leader restarted beside its traders",
        file=_SYMBOL,
        old="        strategy=Strategy.ONE_FOR_ALL,\n",
        new="        strategy=Strategy.ONE_FOR_ONE,\n",
        breaks="two traders for one cycle, or none",
    ),
    Mutant(
        name="journal restarted alone",
        file="tree.py",
        old="return Supervisor(children, strategy=Strategy.REST_FOR_ONE",
        new="return Supervisor(children, strategy=Strategy.ONE_FOR_ONE",
        breaks="what was lost with the journal is missed by nobody",
    ),
    Mutant(
        name="account's processes restarted alone",
        file="trading/account_supervisor.py",
        old="specs, strategy=Strategy.REST_FOR_ONE",
        new="specs, strategy=Strategy.ONE_FOR_ONE",
        breaks="what was lost with the exchange client is missed by nobody",
    ),
    Mutant(
        name="quarantine never ends",
        file=_SWITCHES,
        old="        symbol.retry = self.send_after(pause_s, Retry(key))\n",
        new="        symbol.retry = None\n",
        breaks="a symbol that crashed a few times is never traded again",
    ),
    Mutant(
        name="account never tried again",
        file="trading/account_life.py",
        old="        self._timer = self._actor.send_after(pause_s, TryAgain(self.name))\n",
        new="",
        breaks="an account that went down once is never traded again",
    ),
    Mutant(
        name="autostart only once",
        file=_SWITCHES,
        old="        self.system.tell(names.CONTROL, ReadSettings())\n",
        new="",
        breaks="switches that crashed know nothing until somebody writes a setting",
    ),
    Mutant(
        name="account not waited for",
        file=_SWITCHES,
        old="                if not is_wanted or self._accounts.is_down(key[0]):\n",
        new="                if not is_wanted:\n",
        breaks="symbols trade on for an account that is down",
    ),
    Mutant(
        name="stop --orders cancel ignored",
        file=_SWITCHES,
        old="shall_clear = settings.stop_orders is RestingOrders.CANCEL and settings.status is TradingStatus.OFF",
        new="shall_clear = settings.stop_orders is RestingOrders.KEEP and settings.status is TradingStatus.ON",
        breaks="orders rest on though the operator wanted them cancelled",
    ),
    Mutant(
        name="stop --orders cancel forgotten at a restart",
        file=_SWITCHES,
        old="                self._clear_all(account)\n",
        new="                pass\n",
        breaks="an execution manager that crashed leaves orders that were to be cancelled",
    ),
    Mutant(
        name="kill switch not told to a manager that starts",
        file=_SWITCHES,
        old="            case ExecutionStarted(account):\n                self._guard.add(account)\n",
        new="            case ExecutionStarted(account):\n",
        breaks="an execution manager that crashed knows neither kill switch nor limits",
    ),
    Mutant(
        name="settings read once only",
        file=_CONTROL,
        old="            case _Heard() | ReadSettings() | ReadAccounts():\n",
        new="            case _Heard():\n                pass\n            case ReadSettings() | ReadAccounts():\n",
        breaks="what an operator writes is not done",
    ),
    Mutant(
        name="notification lost with its connection",
        file=_CONTROL,
        old="    def listening(self) -> None:\n        self._control.tell(_Heard())\n",
        new="    def listening(self) -> None:\n        pass\n",
        breaks="what an operator wrote while nobody listened is not done",
    ),
    Mutant(
        name="failed read not repeated",
        file=_CONTROL,
        old='        """Read accounts first: a symbol whose account nobody knows is no symbol of ours."""\n',
        new="        self._shall_read = False\n",
        breaks="what an operator wrote while Postgres was away is not done",
    ),
    Mutant(
        name="failed write of control not retried",
        file=_CONTROL,
        old="            self._retry = self.send_after(RETRY_S, _Retry())\n",
        new="            self._actual.clear()\n",
        breaks="what is shown is not what is so",
    ),
    Mutant(
        name="drained symbol stays in shutdown",
        file=_CONTROL,
        old="            self._store.drained(*key, revision)\n            del self._drained[key]\n",
        new="            del self._drained[key]\n            self._store.drained(*key, revision)\n",
        breaks="a symbol that has drained while Postgres was away is never off",
    ),
    Mutant(
        name="actual state lost with a failed write",
        file=_CONTROL,
        old="            self._store.record_actual(list(self._actual.values()))\n            self._actual.clear()\n",
        new=(
            "            actual = list(self._actual.values())\n"
            "            self._actual.clear()\n"
            "            self._store.record_actual(actual)\n"
        ),
        breaks="an operator sees for ever what was so before",
    ),
    Mutant(
        name="trader not heard by a feed that starts again",
        file=_TRADER,
        old="                self._await(self._wake)\n            case Confirm()",
        new="                pass\n            case Confirm()",
        breaks="a trader sleeps on while the price falls",
    ),
    Mutant(
        name="trader does not act when entries are free again",
        file=_TRADER,
        old="                if self._hindrances.take(message):\n                    self._resume()\n",
        new="                self._hindrances.take(message)\n",
        breaks="a trader that was held back once never buys",
    ),
    Mutant(
        name="metadata written before it was read",
        file="account/metadata_keeper.py",
        old="if self._state is MetadataState.RESTORED and self._table.is_pending_persist and not self._is_busy:",
        new="if self._table.is_pending_persist and not self._is_busy:",
        breaks="what could not be read is overwritten",
    ),
    Mutant(
        name="metadata not written again",
        file="account/metadata_keeper.py",
        old=("            self._table.is_pending_persist = True\n            self._take_failure(str(answer.reason))\n"),
        new="            self._take_failure(str(answer.reason))\n",
        breaks="a change is lost with the write that failed",
    ),
    Mutant(
        name="connection of an account that is down left open",
        file="trading/account_life.py",
        old="        self._desk.opener.close(self.name)\n        self._desk.leave(self)\n",
        new="        self._desk.leave(self)\n",
        breaks="a client that was killed goes on sending and hearing for an account that nobody trades",
    ),
    Mutant(
        name="watchdog not fed",
        file="watchman.py",
        old="            self._notifier.alive()\n",
        new="            pass\n",
        breaks="the service manager kills a daemon that is well",
    ),
)
