"""Binance Spot: our own thin adapter, for accounts and for market streams."""
