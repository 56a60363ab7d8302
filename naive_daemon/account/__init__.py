"""One account's state: what it has, holds and remembers, kept by an actor that tells traders what became of orders."""
