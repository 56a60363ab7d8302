"""Pure decisions: `protocol.py` says what a strategy is, `naive.py` is the built-in one, `discovery.py` the others."""
