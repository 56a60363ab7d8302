"""Market data: feeds, recorded and generated trades, price alerts."""
