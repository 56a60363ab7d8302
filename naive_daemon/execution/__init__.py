"""Orders on their way out and what comes back: journal, execution manager, and the protocol of exchange clients."""
