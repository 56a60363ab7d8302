"""Starts and stops the trees of symbols, and waits until it is known what came of that. Part of the switches.

A start or a stop that is not answered in time may be obeyed yet: it is asked about until it is known.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from naive_daemon import names
from naive_daemon.execution.journal_messages import PassOn
from naive_daemon.execution.messages import CancelSymbol, LeaveSymbol, SymbolEnded
from naive_daemon.otp import (
    KILL,
    Actor,
    ChildInfo,
    ChildStarted,
    Done,
    Ref,
    RequestFailed,
    StartChild,
    TerminateChild,
    WhichChildren,
    send_exit,
)
from naive_daemon.trading.cause import cause_text
from naive_daemon.trading.context import ContextOf
from naive_daemon.trading.switch_messages import SymbolKey
from naive_daemon.trading.symbol import symbol_spec
from naive_daemon.trading.symbol_board import SymbolBoard
from naive_daemon.trading.symbol_record import SymbolRecord

START_TIMEOUT_S, STOP_TIMEOUT_S, AGAIN_S = 30.0, 30.0, 1.0


class AskAgain(msgspec.Struct, frozen=True):
    """Time to ask again what has come of a symbol's start, or that it stops."""

    key: SymbolKey


class Left(msgspec.Struct, frozen=True):
    """Nothing of a symbol that has stopped waits in the journal any more."""

    key: SymbolKey


class SymbolRunner:
    """Belongs to the switches, `actor`, who are told what runs (`on_running`) and what did not start (`on_failed`)."""

    def __init__(
        self,
        actor: Actor,
        symbols: SymbolBoard,
        context_of: ContextOf,
        *,
        on_running: Callable[[SymbolKey, SymbolRecord], None],
        on_failed: Callable[[SymbolKey, SymbolRecord, str], None],
    ) -> None:
        self._actor = actor
        self._symbols = symbols
        self._context_of = context_of
        self._on_running = on_running
        self._on_failed = on_failed

    def start(self, key: SymbolKey, symbol: SymbolRecord, fee: Decimal) -> str | None:
        """Start a symbol, or give why it can not be."""
        symbol.cancel_retry()
        symbol.is_clearing = False
        symbol.started_at_s = self._actor.system.clock.monotonic_s()
        self.pass_on(key, LeaveSymbol(key[1]))
        context = self._context_of(*key, fee)
        if isinstance(context, str):
            return context
        symbol.state, symbol.fault = "starting", None
        symbol.has_drained, symbol.may_wait_in_journal = False, True
        start = StartChild(symbol_spec(context))
        self._ask(start, lambda answer: self._take_start(key, symbol, answer), START_TIMEOUT_S)
        return None

    def _take_start(self, key: SymbolKey, symbol: SymbolRecord, answer: Any) -> None:
        if isinstance(answer, ChildStarted):
            self._run(key, symbol, answer.ref)
        elif isinstance(answer, RequestFailed) or self._holder(key) is not None:
            self.look_for(key, symbol)  # perhaps it has started, and that was not answered in time
        else:
            self._on_failed(key, symbol, f"did not start: {answer}")

    def look_for(self, key: SymbolKey, symbol: SymbolRecord) -> None:
        """Ask whether a symbol runs, until it is known: who was slow to answer may start it still."""
        self._ask(WhichChildren(), lambda children: self._take_found(key, symbol, children))

    def _take_found(
        self, key: SymbolKey, symbol: SymbolRecord, children: tuple[ChildInfo, ...] | RequestFailed
    ) -> None:
        if not symbol.is_started_unheard:
            return
        if isinstance(children, RequestFailed):
            self._actor.send_after(AGAIN_S, AskAgain(key))
            return
        ref = next((child.ref for child in children if child.id == key), None)
        if ref is not None and ref.is_alive():
            self._run(key, symbol, ref)
            return
        holder = self._holder(key)
        reason = f"did not start: {holder} runs already" if holder else "did not start in time"
        self._on_failed(key, symbol, reason)

    def _run(self, key: SymbolKey, symbol: SymbolRecord, ref: Ref) -> None:
        self._symbols.adopt(key, ref)
        self._on_running(key, symbol)

    def stop(self, key: SymbolKey, symbol: SymbolRecord) -> None:
        """Stop a symbol that runs. One whose start has not been answered yet is levelled again then."""
        if symbol.ref is not None:
            ref, symbol.state = symbol.ref, "stopping"
            self._ask(TerminateChild(ref), lambda answer: self._take_stop(key, symbol, ref, answer), STOP_TIMEOUT_S)

    def _take_stop(self, key: SymbolKey, symbol: SymbolRecord, ref: Ref, answer: Any) -> None:
        """Ask again when nobody answered, or its start is not over yet. Its Down tells that it has ended."""
        if isinstance(answer, RequestFailed):
            self._actor.log.error("symbol did not stop", symbol=key[1], reason=cause_text(answer.reason))
        if not isinstance(answer, Done) and symbol.ref is ref and ref.is_alive():
            self._actor.send_after(AGAIN_S, AskAgain(key))

    def ask_again(self, key: SymbolKey) -> None:
        """Ask for what is not known yet; it may be known meanwhile."""
        symbol = self._symbols.get(key)
        if symbol is not None and symbol.state == "stopping":
            self.stop(key, symbol)
        elif symbol is not None and symbol.is_started_unheard:
            self.look_for(key, symbol)

    def wait_for_journal(self, key: SymbolKey, symbol: SymbolRecord) -> None:
        """Have `Left` told once the journal has passed on the last that a symbol did, with every order of it.

        Its leader may hang, and outlive a supervisor that was killed: it does nothing more from here on.
        """
        symbol.cancel_retry()
        symbol.state = "stopping"
        for name in (names.symbol_supervisor(*key), names.traders(*key), names.leader(*key)):
            left_over = self._actor.system.whereis(name)
            if left_over is not None:
                send_exit(left_over, KILL)
        self._actor.system.tell(names.JOURNAL, PassOn(names.SWITCHES, Left(key)))

    def pass_on(self, key: SymbolKey, message: CancelSymbol | LeaveSymbol | SymbolEnded) -> None:
        """Tell the execution manager, behind every order that the symbol has placed."""
        self._actor.system.tell(names.JOURNAL, PassOn(names.execution_manager(key[0]), message))

    def _ask(self, message: Any, take: Callable[[Any], None], *timeout_s: float) -> None:
        self._actor.request(self._actor.system.whereis(names.SYMBOLS), message, take, *timeout_s)

    def _holder(self, key: SymbolKey) -> Ref | None:
        return self._actor.system.whereis(names.symbol_supervisor(*key))
