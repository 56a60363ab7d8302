"""Deliberate bugs in what an operator leans on: limits, the kill switch, and that questions are asked to their end."""

from tests.simulation.mutants.mutant import Mutant

_CONTROL = "trading/control.py"
_ASKING = "execution/asking.py"
_SELDOM = 1_500

SAFEGUARDS = (
    Mutant(
        name="limits not enforced",
        file="execution/gatekeeper.py",
        old="            reason = self._risk.refusal(order, self._count_live(), self._now_ns())\n",
        new="            reason = None\n",
        breaks="an account risks more than its operator allows",
    ),
    Mutant(
        name="entry that a predecessor has left not waited for",
        file="execution/recovery.py",
        old="        self._sending.inherit(journal.live_orders)\n",
        new="",
        breaks="the kill switch is confirmed while a client still sends an entry for a manager that was killed",
    ),
    Mutant(
        name="entries before safeguards are read",
        file="execution/manager.py",
        old='            self._gate.hold(UNREAD, "the kill switch has not been read yet")\n',
        new="            pass\n",
        breaks="after a crash entries leave through a kill switch that was confirmed",
        seeds_max=_SELDOM,
    ),
    Mutant(
        name="kill switch's confirmation lost with a failed write",
        file=_CONTROL,
        old="            self._store.confirm_kill_switch(account, revision)\n            del self._obeyed[account]\n",
        new="            del self._obeyed[account]\n            self._store.confirm_kill_switch(account, revision)\n",
        breaks="an operator waits for a confirmation that never comes",
    ),
    Mutant(
        name="account's condition lost with a failed write",
        file=_CONTROL,
        old="            self._store.record_account_conditions(list(self._conditions.values()))\n",
        new="            gone, self._conditions = self._conditions, {}\n"
        "            self._store.record_account_conditions(list(gone.values()))\n",
        breaks="an account that is up is shown as down, or the other way round",
    ),
    Mutant(
        name="questions by the clock that is set",
        file=_ASKING,
        old="return self._actor.system.clock.monotonic_s()",
        new="return self._actor.system.clock.now_ns() / 1e9",
        breaks="an order is called never placed before its time is over, and arrives after that",
    ),
    Mutant(
        name="failed question keeps its place",
        file=_ASKING,
        old="        self._inquiries.answered(inquiry)\n",
        new="        if not isinstance(answer, RequestFailed):\n            self._inquiries.answered(inquiry)\n",
        breaks="after twenty failures no order is asked about any more",
    ),
    Mutant(
        name="no reconciliation after one that failed",
        file="execution/reconciler.py",
        old="        self._is_snapshot_asked = False\n        if isinstance(snapshot, AccountSnapshot):\n",
        new="        if isinstance(snapshot, AccountSnapshot):\n            self._is_snapshot_asked = False\n",
        breaks="journal and exchange are never compared again",
    ),
    Mutant(
        name="no pause after refusals",
        file="trading/trader.py",
        old="        if self._shall_pause(place.side, time_ns):\n",
        new="        if False:\n",
        breaks="a leg that the exchange refuses is sent again with every print, until its account is banned for that",
    ),
    Mutant(
        name="pause after refusals not doubled",
        file="trading/trader.py",
        old="REFUSED_PAUSE_S << min(count - 2, REFUSED_PAUSE_MAX_S)",
        new="REFUSED_PAUSE_S",
        breaks="what is refused for good is tried every second for ever",
    ),
    Mutant(
        name="market's silence ignored",
        file="execution/gatekeeper.py",
        old="            self.hold(MARKET, health.reason)\n",
        new="            pass\n",
        breaks="entries are placed at prices that nobody knows to be old",
    ),
    Mutant(
        name="market not asked by a manager that starts",
        file="execution/manager.py",
        old="        self.system.pubsub.publish(names.MARKET_HEALTH_ASKED, AskMarketHealth())",
        new="        pass",
        breaks="a manager that starts while no trades arrive lets entries out",
    ),
    Mutant(
        name="orders of a minute not counted",
        file="execution/risk.py",
        old="        self._sent_ns.append(now_ns)\n",
        new="",
        breaks="what runs wild is not slowed down",
    ),
    Mutant(
        name="limits not taken",
        file="execution/gatekeeper.py",
        old="self._risk.limits = safeguards.limits.get(self._account, RiskLimits())",
        new="pass",
        breaks="no limit is kept that an operator sets",
    ),
    Mutant(
        name="limits of another account",
        file="execution/gatekeeper.py",
        old="safeguards.limits.get(self._account, RiskLimits())",
        new="next(iter(safeguards.limits.values()), RiskLimits())",
        breaks="every account is held to what one of them may risk",
    ),
    Mutant(
        name="orders of a minute forgotten at a restart",
        file="execution/risk.py",
        old="        self._sent_ns.extend(journal.sent_ns)\n",
        new="",
        breaks="a manager that starts sends as many orders a minute once more",
        seeds_max=3_000,
    ),
    Mutant(
        name="kill switch not confirmed by an account that is down",
        file="trading/guard.py",
        old="        if manager is None and not (switch.is_on and switch.cancel is KillCancel.ENTRIES):\n",
        new="        if manager is None and not switch.is_on:\n",
        breaks="an operator waits for ever for the kill switch to be confirmed by an account that trades nothing",
    ),
    Mutant(
        name="loss of the day not counted",
        file="execution/risk.py",
        old="cycle.result.realised_pnl)",
        new="ZERO)",
        breaks="an account goes on losing beyond what its operator allows for a day",
    ),
)
