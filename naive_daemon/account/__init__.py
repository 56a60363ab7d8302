"""One account's state: balances and open orders, held by an actor that passes account events on to their traders."""
