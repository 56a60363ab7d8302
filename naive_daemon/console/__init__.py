"""The way into a running daemon, for looking inside: a unix socket in its home that its owner alone may use."""
