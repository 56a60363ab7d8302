"""Bugs that the simulation has found in the product, put back: what it found once it must go on finding.

With every change of the daemon or of its world a seed means another course of things, so one that failed is no test for
long. Its bug is one: each stands here, and has a test of its own in the suite, beside the part that it was in.
"""

from tests.simulation.mutants.mutant import Mutant

_SWITCHES = "trading/switches.py"
_RARE = 3_000
"""Two things must befall within a moment: it was one seed in a thousand that found such a one."""

FOUND = (
    Mutant(
        name="found: settings before they were read",
        file=_SWITCHES,
        old="if known is not None and key not in self._unread:",
        new="if known is not None:",
        breaks="switches that start again give a leader the defaults, and a cycle is traded with them",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: a manager that outlives its journal",
        file="execution/manager.py",
        old="self._journal.tell(RecordEvent(order, event))",
        new="self.system.tell(names.JOURNAL, RecordEvent(order, event))",
        breaks="a fill is lost with one journal, and the next one has the order as filled: nobody asks for it again",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: a trader that outlives its leader",
        file="trading/trader.py",
        old="if self.is_dead or self.ref.is_orphan() or not self._leader.is_alive() or self._leader.is_orphan():",
        new="if self.is_dead:",
        breaks="a trader whose supervisor was killed while it decided places an order that its successor does not know",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: an account that is left alone obeys at once",
        file="trading/guard.py",
        old="self._actor.send_after(SEND_WITHIN_S, LeftAlone(account, self._waited))",
        new="self.take_left_alone(LeftAlone(account, self._waited))",
        breaks="the kill switch is confirmed while the client of a manager that was killed still sends an entry",
    ),
    Mutant(
        name="found: an entry that two managers left",
        file="execution/sending.py",
        old="if any(not order.status.is_resting and",
        new="if any(order.status is OrderStatus.IN_FLIGHT and",
        breaks="the kill switch is confirmed while a client still sends an entry that the last manager did not find",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: drained is said once",
        file=_SWITCHES,
        old="self.system.tell(names.CONTROL, StatusDrained(*key))\n            case _ if is_wanted and fee",
        new="pass\n            case _ if is_wanted and fee",
        breaks="a shutdown that is asked for again before the end of the first was read never ends",
    ),
    Mutant(
        name="found: levelled before anything was read",
        file=_SWITCHES,
        old='            case _ if symbol.state == "stopping" or key in self._unread:\n',
        new='            case "stopping":\n',
        breaks="switches that start again stop symbols of which they do not know yet that they are wanted",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: stopped while it starts",
        file=_SWITCHES,
        old="        if not isinstance(answer, Done) and symbol.ref is ref and ref.is_alive():\n",
        new="        if isinstance(answer, RequestFailed) and symbol.ref is ref and ref.is_alive():\n",
        breaks="a symbol that is stopped while it still starts trades on as stopping",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: a drain confirmed beside a trader that starts",
        file="trading/leader.py",
        old="is_draining=self._crew.has_closed,",
        new="is_draining=self._crew.is_draining,",
        breaks="a trader that is just being started buys, though an operator reads that the symbol buys nothing more",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: a drain confirmed before its traders know",
        file="trading/crew.py",
        old="all(slot.is_finished or slot.has_heard for",
        new="all(slot.is_finished or slot.ref is not None for",
        breaks="a trader that is behind buys, though an operator reads that the symbol buys nothing more",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: off while its orders wait in the journal",
        file=_SWITCHES,
        old="self.system.tell(names.JOURNAL, PassOn(names.SWITCHES, _Left(key)))",
        new="self._stopped(key)",
        breaks="an entry leaves after an operator has read that its symbol is off",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: whether an account drains is asked once",
        file="trading/account_life.py",
        old="        elif not isinstance(view, ExecutionView) and manager is not None",
        new="        elif view is None and manager is not None",
        breaks="an account whose key was refused while its manager started is up for ever, and sends nothing",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: an order spent beside itself",
        file="execution/risk.py",
        old="for order_id, cost in costs.items() if order_id != order.client_order_id)",
        new="for cost in costs.values())",
        breaks="an order whose intent its manager read in the journal is refused as over its cycle's budget",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: an exit waits for a clock that was ahead",
        file="trading/trader.py",
        old="return 0 <= time_ns - orders[-1].created_ns < pause_s * NS_PER_S",
        new="return time_ns - orders[-1].created_ns < pause_s * NS_PER_S",
        breaks="an exit that was refused while the clock was ahead is not tried again for as long as it was ahead",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: trading on for an account that was given back",
        file="execution/journal.py",
        old="            self._disowned.add(symbol)\n            leader = self.system.whereis(names.leader(*symbol))\n",
        new="            leader = None\n",
        breaks="a leader goes on from cycles that nobody has written",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: what followed what was not written",
        file="execution/journal.py",
        old="            self._disowned.add(symbol)\n",
        new="",
        breaks="an order of a cycle that was refused is written once the account is claimed again (seed 90012330)",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: fills on paper counted by those in the journal",
        file="exchange/paper/client.py",
        old="                return event if order is None else _named(event, len(order.trade_ids))\n",
        new="                return event\n",
        breaks="a fill on paper has the number of one from before a crash, and is lost",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: an account that is closed while it starts",
        file="trading/account_life.py",
        old="        if not isinstance(answer, Done):\n",
        new="        if isinstance(answer, RequestFailed):\n",
        breaks="an account that is to end while it still starts is being closed for ever, and trades no more",
        seeds_max=_RARE,
    ),
    Mutant(
        name="found: a retry before anything was read",
        file=_SWITCHES,
        old="            symbol.retry = self.send_after(AGAIN_S, _Retry(key))\n",
        new="            pass\n",
        breaks="a symbol whose quarantine is over before fresh switches know what is wanted stays in it for ever",
        seeds_max=_RARE,
    ),
)
