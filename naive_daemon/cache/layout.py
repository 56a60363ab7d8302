"""Under which keys things are stored: `<kind>:<id>`. A kind has no colon, an id may have any."""

GENERAL = "general"
PREVIOUS = "previous"
CURRENCIES = "currencies"
INSTRUMENTS = "instruments"
SYNTHETICS = "synthetics"
ACCOUNTS = "accounts"
ORDERS = "orders"
POSITIONS = "positions"
ORDER_SNAPSHOTS = "order-snapshots"
POSITION_SNAPSHOTS = "position-snapshots"
ACTORS = "actors"
STRATEGIES = "strategies"

HEARTBEAT = "heartbeat"

ORDERS_OPEN = "index:orders-open"
ORDERS_CLOSED = "index:orders-closed"
ORDERS_IN_FLIGHT = "index:orders-in-flight"
ORDER_SETS = (ORDERS_OPEN, ORDERS_CLOSED, ORDERS_IN_FLIGHT)

POSITIONS_OPEN = "index:positions-open"
POSITIONS_CLOSED = "index:positions-closed"
POSITION_SETS = (POSITIONS_OPEN, POSITIONS_CLOSED)

VENUE_ORDER_IDS = "index:venue-order-ids"
ORDER_POSITIONS = "index:order-positions"
ORDER_CLIENTS = "index:order-clients"
ORDER_TABLES = (VENUE_ORDER_IDS, ORDER_POSITIONS, ORDER_CLIENTS)


def key_of(kind: str, name: str) -> str:
    """Give the key of one object."""
    return f"{kind}:{name}"
