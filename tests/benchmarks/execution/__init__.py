"""Figures of the real exchange: the daemon's own clients and tree against the local exchange on loopback."""
