"""Pure decisions: `protocol.py` says what a strategy is; `naive.py` and `ema_cross.py` are the built-in ones."""
