"""The paper exchange: real matching against printed trades, with money that does not exist."""
