"""Pure values of trading: no I/O, no clock, no randomness. Imports nothing from the rest."""
