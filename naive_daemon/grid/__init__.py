"""Backtests of many settings at once: every combination over all cores, on one copy of the recording.

`points.py` says which they are, `shared.py` holds the market, `workers.py` runs them, `outcome.py` ranks what came.
"""
