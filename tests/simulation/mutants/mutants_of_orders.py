"""Deliberate bugs on an order's way: journal, execution manager, account, client ids, the exchange on paper."""

from tests.simulation.mutants.mutant import Mutant

_JOURNAL = "execution/journal.py"
_MANAGER = "execution/manager.py"
_RECOVERY = "execution/recovery.py"
_SENDING = "execution/sending.py"
_ASKING = "execution/asking.py"
_INQUIRY = "execution/inquiry.py"
_RECONCILER = "execution/reconciler.py"
_GATE = "execution/gatekeeper.py"
_ORDER = "domain/order.py"
_PAPER = "exchange/paper/client.py"

ORDERS = (
    Mutant(
        name="send before commit",
        file=_JOURNAL,
        old=(
            "            self._store.write(entries)\n"
            "        elif any(isinstance(message, _Keep) for message in batch):\n"
            "            self._store.keep()\n"
            "        for message in batch:\n"
            "            self._waiting.popleft()\n"
            "            if self._is_ours(message):\n"
            "                self._pass_on(message)\n"
        ),
        new=(
            "            for message in batch:\n"
            "                if isinstance(message, PlaceIntent):\n"
            "                    self._pass_on(message)\n"
            "            self._store.write(entries)\n"
            "        elif any(isinstance(message, _Keep) for message in batch):\n"
            "            self._store.keep()\n"
            "        for message in batch:\n"
            "            self._waiting.popleft()\n"
            "            if self._is_ours(message):\n"
            "                if not isinstance(message, PlaceIntent):\n"
            "                    self._pass_on(message)\n"
        ),
        breaks="an order is on the exchange that no journal knows",
    ),
    Mutant(
        name="failed commit taken as done",
        file=_JOURNAL,
        old="            self._store.write(entries)\n",
        new=(
            "            try:\n"
            "                self._store.write(entries)\n"
            "            except TransientError as error:\n"
            '                self.log.warning("journal unavailable", reason=str(error))\n'
        ),
        breaks="orders, fills and cycles are missing in the journal for ever",
    ),
    Mutant(
        name="what waits is dropped",
        file=_JOURNAL,
        old="self._waiting = deque(self._kept(message) for message in self._waiting)",
        new="self._waiting = deque(one for one in self._waiting if isinstance(one, Call))",
        breaks="whatever was on its way when Postgres went away is lost",
    ),
    Mutant(
        name="entry sent late",
        file=_JOURNAL,
        old="if not isinstance(message, PlaceIntent) or message.order.side is not Side.BUY:",
        new="if not isinstance(message, PlaceIntent) or message.order.leg.attempt >= 1:",
        breaks="an entry leaves when Postgres is back, at the price of long ago",
    ),
    Mutant(
        name="entry that waited is forgotten",
        file=_JOURNAL,
        old="        return _Refusal(order.apply(event), event)\n",
        new="        return PassOn(names.SWITCHES, event)\n",
        breaks="its trader waits for an order that was never sent",
    ),
    Mutant(
        name="resend on time-out",
        file=_SENDING,
        old='self._tell(OrderUnknown, order, f"no answer for {self._timeout_s:g} s")',
        new="self.send(order)",
        breaks="an order whose answer was lost is placed twice",
    ),
    Mutant(
        name="time-out taken as rejected",
        file=_SENDING,
        old='self._tell(OrderUnknown, order, f"no answer for {self._timeout_s:g} s")',
        new='self._tell(OrderRejected, order, f"no answer for {self._timeout_s:g} s")',
        breaks="a live order is forgotten, and its trader places the next",
    ),
    Mutant(
        name="unknown order sent again",
        file=_MANAGER,
        old="            self._asking.ask_later(order)\n",
        new="            self._sending.send(order)\n",
        breaks="an order whose answer was lost is placed twice",
    ),
    Mutant(
        name="unknown taken as rejected",
        file=_ORDER,
        old="return self._moved(OrderStatus.UNKNOWN, event.time_ns, event.reason)",
        new="return self._moved(OrderStatus.REJECTED, event.time_ns, event.reason)",
        breaks="a live order is forgotten, and its trader places the next",
    ),
    Mutant(
        name="exit that did not leave is not sent again",
        file=_MANAGER,
        old="                self._sending.resend(client_order_id)\n",
        new="                pass\n",
        breaks="what was bought is never offered",
    ),
    Mutant(
        name="one not-found taken as never placed",
        file=_INQUIRY,
        old="        if self._not_found < NOT_FOUND_MIN:\n            return Verdict.ASK_AGAIN\n",
        new="        if not was_placed:\n            return Verdict.NEVER_PLACED\n",
        breaks="a live order is forgotten because a read lagged",
    ),
    Mutant(
        name="never placed before its time is over",
        file=_INQUIRY,
        old="return Verdict.NEVER_PLACED if waited_s >= never_placed_after_s else Verdict.ASK_AGAIN",
        new="return Verdict.NEVER_PLACED",
        breaks="an order that is still on its way to the exchange is forgotten",
    ),
    Mutant(
        name="live order dropped by reconciliation",
        file=_RECONCILER,
        old="                self._asking.ask_now(order)\n        for resting in found.strangers:",
        new=(
            "                from naive_daemon.domain.events import OrderExpired\n"
            "                now_ns = self._actor.system.clock.now_ns()\n"
            "                self._take_event(order.event(OrderExpired, now_ns, LOST))\n"
            "        for resting in found.strangers:"
        ),
        breaks="what a snapshot does not show is taken for over, though it may be filled or on its way",
    ),
    Mutant(
        name="unknown order not asked about",
        file=_RECONCILER,
        old="        for order in found.asked:\n",
        new="        for order in ():\n",
        breaks="nobody asks what became of an order whose process has died",
    ),
    Mutant(
        name="order in flight forgotten at a restart",
        file=_RECOVERY,
        old="        for order in journal.live_orders:\n            self._books.put(order)\n",
        new=(
            "        for order in journal.live_orders:\n"
            "            if order.status.name != 'IN_FLIGHT':\n"
            "                self._books.put(order)\n"
        ),
        breaks="an order that was journaled and never sent keeps its trader waiting for ever",
    ),
    Mutant(
        name="fill counted twice",
        file=_ORDER,
        old="if event.trade_id in self.trade_ids:",
        new="if event.trade_id in self.trade_ids and self.status.is_terminal:",
        breaks="a duplicate makes an order fuller than it is",
    ),
    Mutant(
        name="terminal order reopened",
        file=_ORDER,
        old="            case _ if self.status.is_terminal:\n                return self\n",
        new="            case _ if self.status is OrderStatus.FILLED:\n                return self\n",
        breaks="a late word brings an order back that was over",
    ),
    Mutant(
        name="cancel refused taken as cancelled",
        file=_MANAGER,
        old="            self._asking.ask_now(order)\n",
        new="            self._take_event(order.event(OrderCancelled, self.system.clock.now_ns(), refused.reason))\n",
        breaks="an order that was just filled, or still rests, is forgotten",
    ),
    Mutant(
        name="cancel sent once only",
        file="execution/cancels.py",
        old="        self._send(order)\n        self._ask(order)\n",
        new="",
        breaks="a cancel that was lost is never sent again",
    ),
    Mutant(
        name="end told by the stream believed before its fills",
        file=_ASKING,
        old="        if is_doubtful:\n            self.ask_now(order)\n        return is_doubtful\n",
        new="        return False\n",
        breaks="a trader acts on a cancel while its fills are still on their way",
    ),
    Mutant(
        name="only what rests is cancelled by the kill switch",
        file="execution/clearing.py",
        old="for order in [order for order in live if order.side is Side.BUY and order.filled == ZERO]:",
        new="for order in [order for order in live if order.side is Side.BUY and order.status.is_resting]:",
        breaks="an entry that was on its way when the switch was pulled is bought all the same",
    ),
    Mutant(
        name="entries placed under the kill switch",
        file=_GATE,
        old='self.hold(KILL_SWITCH, f"kill switch: {switch.reason}" if switch.reason else "kill switch")',
        new="pass",
        breaks="the kill switch is shown as obeyed, and entries leave",
    ),
    Mutant(
        name="kill switch obeyed too soon",
        file=_MANAGER,
        old="self._sending.when_entries_are_answered(lambda: self._tell_control(obeyed))",
        new="self._tell_control(obeyed)",
        breaks="an operator is told that no entry is on its way while one is",
    ),
    Mutant(
        name="risk forgotten at a restart",
        file="execution/risk.py",
        old="        for order in journal.open_cycle_orders:\n",
        new="        for order in ():\n",
        breaks="a restart lets out as much again as a limit allows",
    ),
    Mutant(
        name="limit of risk counts the filled only",
        file="execution/risk.py",
        old="            cost = EXACT.add(cost, EXACT.multiply(order.price, order.remaining))\n",
        new="            pass\n",
        breaks="resting buys are not counted against the limit",
    ),
    Mutant(
        name="ended cycles not told",
        file=_JOURNAL,
        old="                if ended:\n",
        new="                if ended and ended[0].result is None:\n",
        breaks="the account keeps positions of cycles that are over, and their risk",
    ),
    Mutant(
        name="orphan ignored",
        file="execution/strangers.py",
        old="                self._end(client_order_id, order_as_sent(*derived, resting), resting, is_orphan=True)\n",
        new='                self._give_up(client_order_id, "no journal knows it")\n',
        breaks="an order with our mark rests on the exchange, and nobody follows it",
    ),
    Mutant(
        name="client order id without the cycle",
        file="execution/order_id.py",
        old="{_place(key.account, key.symbol)}-{key.trader}-{key.cycle}-{leg}",
        new="{_place(key.account, key.symbol)}-{key.trader}-1-{leg}",
        breaks="every cycle of a trader has the same ids",
    ),
    Mutant(
        name="client order id without the symbol",
        file="execution/order_id.py",
        old='digest = hashlib.sha256(f"{account}\\n{symbol}".encode()).digest()',
        new='digest = hashlib.sha256(f"{account}\\n".encode()).digest()',
        breaks="traders of two symbols have the same ids",
    ),
    Mutant(
        name="paper exchange forgets what rests",
        file=_PAPER,
        old="resting = [order for order in journal.live_orders if order.status.is_resting]",
        new="resting = [order for order in journal.live_orders if order.filled]",
        breaks="after a restart a resting order is not on the paper exchange's book",
    ),
    Mutant(
        name="paper exchange gives all fills of an order one number",
        file="exchange/paper/client.py",
        old="return len(order.trade_ids) + self._unwritten.get(order.client_order_id, 0)",
        new="return 1",
        breaks="a fill on paper has the name of another of its order, and is taken for it",
    ),
    Mutant(
        name="account tells nobody that it started again",
        file="account/account.py",
        old="        self.system.pubsub.publish(names.account(self._account), AccountStarted(self._account))\n",
        new="",
        breaks="a trader never hears of the fill that was lost with the account actor",
    ),
)
