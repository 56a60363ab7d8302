"""What becomes of orders whose fate is not known: who is asked about next, when again, and when enough was heard.

Pure; owned by the execution manager. Only a few questions are under way at once, so that a thousand orders after a
restart cost no ban. One "not found" proves nothing: reads lag, and a request may still arrive. An order was never
placed only when it was not found several times, the last time after the exchange would refuse it for its age.
"""

from collections import OrderedDict
from enum import Enum

AT_ONCE_MAX = 20
PAUSE_FIRST_S = 0.5
PAUSE_MAX_S = 10.0
NOT_FOUND_MIN = 3
LOST_AFTER_S = 600.0
"""An order that was once on the book and is not found for so long, by every question, is gone (a network was reset)."""


class Verdict(Enum):
    """What a "not found" means."""

    ASK_AGAIN = "ask again"
    NEVER_PLACED = "never placed"
    LOST = "lost"


class Inquiry:
    """One order's questions; times on the monotonic clock, in seconds."""

    __slots__ = ("_not_found", "_pause_s", "asked_s", "began_s", "is_asked_again", "is_asking", "is_due", "symbol")

    def __init__(self, symbol: str, began_s: float) -> None:
        self.symbol = symbol
        self.began_s = self.asked_s = began_s
        self.is_asking = False
        self.is_asked_again = False  # something has happened since it was asked about
        self.is_due = False  # a pause is running, at whose end it is asked about
        self._not_found = 0
        self._pause_s = PAUSE_FIRST_S

    def pause_s(self) -> float:
        """Give how long to wait before the next question; each pause is twice the one before."""
        pause_s, self._pause_s = self._pause_s, min(self._pause_s * 2, PAUSE_MAX_S)
        return pause_s

    def not_found(self, never_placed_after_s: float, *, was_placed: bool) -> Verdict:
        """Take a "not found". `was_placed`: the exchange has once had it, so it can not be an order never placed.

        It says how it was when it was asked, however long the answer took.
        """
        self._not_found += 1
        waited_s = self.asked_s - self.began_s
        if self._not_found < NOT_FOUND_MIN:
            return Verdict.ASK_AGAIN
        if was_placed:
            return Verdict.LOST if waited_s >= LOST_AFTER_S else Verdict.ASK_AGAIN
        return Verdict.NEVER_PLACED if waited_s >= never_placed_after_s else Verdict.ASK_AGAIN


class Inquiries:
    """All orders that are asked about, in the order in which they came."""

    def __init__(self, at_once_max: int = AT_ONCE_MAX) -> None:
        self._at_once_max = at_once_max
        self._open: dict[str, Inquiry] = {}
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._asking = 0

    def __contains__(self, client_order_id: str) -> bool:
        return client_order_id in self._open

    def __len__(self) -> int:
        return len(self._open)

    def add(self, client_order_id: str, symbol: str, now_s: float) -> Inquiry:
        """Begin to ask about an order, or go on."""
        inquiry = self._open.get(client_order_id)
        if inquiry is None:
            inquiry = self._open[client_order_id] = Inquiry(symbol, now_s)
        return inquiry

    def ready(self, client_order_id: str) -> None:
        """Let an order be asked about as soon as there is a free place; once more if it is being asked about now."""
        inquiry = self._open.get(client_order_id)
        if inquiry is not None:
            inquiry.is_due = False
            if inquiry.is_asking:
                inquiry.is_asked_again = True
            else:
                self._waiting[client_order_id] = None

    def take(self, now_s: float) -> list[tuple[str, Inquiry]]:
        """Take who is to be asked about now; each must be `answered` later."""
        taken: list[tuple[str, Inquiry]] = []
        while self._waiting and self._asking < self._at_once_max:
            client_order_id, _ = self._waiting.popitem(last=False)
            inquiry = self._open.get(client_order_id)
            if inquiry is not None:
                inquiry.is_asking = True
                inquiry.is_asked_again = False
                inquiry.asked_s = now_s
                self._asking += 1
                taken.append((client_order_id, inquiry))
        return taken

    def answered(self, inquiry: Inquiry) -> None:
        """Free the place of a question that was answered, or failed."""
        inquiry.is_asking = False
        self._asking -= 1

    def close(self, client_order_id: str) -> None:
        """Ask no more: what became of the order is known."""
        self._open.pop(client_order_id, None)
        self._waiting.pop(client_order_id, None)
