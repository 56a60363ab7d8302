"""The local exchange: a server on loopback that speaks Binance's Spot API, to test bots against.

Matching is that of the paper exchange. It belongs to no daemon: it has a folder, a process and a port of its own.
"""
