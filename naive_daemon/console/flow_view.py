"""The console's part in showing the graph of all works: asks the streams' owner for it."""

import difflib
from typing import TYPE_CHECKING

from naive_daemon import names
from naive_daemon.console.protocol import AskFlow, FlowShown, Refused
from naive_daemon.market import streams
from naive_daemon.otp import ActorDiedError, ActorSystem

if TYPE_CHECKING:
    from naive_daemon.redflow import GraphView

TIMEOUT_S = 5.0
"""It may have a thousand works to add before it looks up."""
_NEAREST_MAX = 3


def show_flow(system: ActorSystem, request: AskFlow, timeout_s: float = TIMEOUT_S) -> FlowShown | Refused:
    """Give the graph; refused, with the nearest, for a symbol of which nothing is traded."""
    ask = streams.AskFlow(request.symbol, request.depth, request.shown_max)
    try:
        graph: GraphView = system.ask(names.STREAM_DESK, ask, timeout_s)
        if request.symbol is None or graph.clusters:
            return FlowShown(graph)
        traded: GraphView = system.ask(names.STREAM_DESK, streams.AskFlow(depth=1), timeout_s)
    except TimeoutError:
        return Refused("flow silent", f"the streams' owner does not answer within {timeout_s:g} s")
    except ActorDiedError as error:
        return Refused("flow silent", f"the streams' owner can not be asked: {error}")
    symbols = [cluster.id.partition(":")[2] for cluster in traded.clusters]
    nearest = difflib.get_close_matches(request.symbol, symbols, _NEAREST_MAX)
    return Refused("unknown symbol", f"the daemon has no work on {request.symbol}", tuple(nearest))
