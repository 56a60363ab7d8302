"""Traders, their leader, a symbol's supervisor, and the switches that start and stop it."""
