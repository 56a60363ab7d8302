"""A symbol's supervisor: one_for_all over its traders and their leader, so that neither outlives the other."""

from naive_daemon import names
from naive_daemon.otp import ChildSpec, ChildType, DynamicSupervisor, Restart, Strategy, Supervisor
from naive_daemon.trading.context import SymbolContext
from naive_daemon.trading.leader import Leader


def symbol_supervisor(context: SymbolContext) -> Supervisor:
    """Make the top of a symbol's tree."""
    account, symbol = context.account, context.symbol
    return Supervisor(
        [
            ChildSpec(
                id="traders",
                start=DynamicSupervisor,
                type=ChildType.SUPERVISOR,
                name=names.traders(account, symbol),
            ),
            ChildSpec(id="leader", start=lambda: Leader(context), name=names.leader(account, symbol)),
        ],
        strategy=Strategy.ONE_FOR_ALL,
        max_restarts=context.symbol_restarts,
        period_s=context.symbol_period_s,
    )


def symbol_spec(context: SymbolContext) -> ChildSpec:
    """Give the child spec of a symbol. Temporary: what follows a crash is the switches' decision, not intensity's.

    A permanent one that exceeded its own intensity would charge the supervisor of all symbols; a transient one would
    silently stay dead.
    """
    return ChildSpec(
        id=(context.account, context.symbol),
        start=lambda: symbol_supervisor(context),
        restart=Restart.TEMPORARY,
        type=ChildType.SUPERVISOR,
        shutdown_s=10.0,
        name=names.symbol_supervisor(context.account, context.symbol),
    )
