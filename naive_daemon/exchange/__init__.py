"""Exchanges: implementations of the ExchangeClient protocol, one folder each, and what they list."""
