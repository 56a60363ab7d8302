"""The registered names of the daemon's processes, all in one place."""

JOURNAL = "journal"
CACHE = "cache"
CONTROL = "control"
SWITCHES = "switches"
SYMBOLS = "symbols"
STREAMS = "streams"
FEEDS = "feeds"
PLAYER = "player"
STREAM_DESK = "stream desk"
ACCOUNTS = "accounts"
ACCOUNT_DESK = "account desk"
WATCHMAN = "watchman"

MARKET_MISSING = "market missing"
"""The topic on which whoever plays the market says of which symbol it has no trades."""

MARKET_TROUBLE = "market trouble"
"""The topic on which the streams' desk says which works get no trades, candles or signals, by MarketTroubled."""

MARKET_HEALTH = "market health"
"""The topic on which a live market says, by MarketHealth, whether its trades arrive."""

MARKET_HEALTH_ASKED = "market health asked"
"""The topic on which somebody who has just started asks a live market to say it again."""

Name = str | tuple[str | int, ...]


def is_of_symbol(name: object, account_id: str, symbol: str) -> bool:
    """Say whether a name is that of one of the processes of a symbol's tree."""
    return isinstance(name, tuple) and name[1:3] == (account_id, symbol)


def account_supervisor(account_id: str) -> Name:
    """Name the supervisor of an account's processes."""
    return ("account supervisor", account_id)


def client(account: str) -> Name:
    """Name an account's connection to its exchange."""
    return ("client", account)


def execution_manager(account: str) -> Name:
    """Name an account's execution manager."""
    return ("execution", account)


def entries(account: str, symbol: str | None = None) -> Name:
    """Name the topic on which an execution manager says why no entry may leave: of an account, or of one symbol."""
    return ("entries", account) if symbol is None else ("entries", account, symbol)


def account(account_id: str) -> Name:
    """Name an account's state."""
    return ("account", account_id)


def feed(symbol: str) -> Name:
    """Name a symbol's feed; also the topic on which it says that it has started."""
    return ("feed", symbol)


def symbol_of_feed(name: object) -> str | None:
    """Give the symbol whose feed is called so; None for any other name."""
    match name:
        case ("feed", str(symbol)):
            return symbol
    return None


def candles(symbol: str, interval: str) -> Name:
    """Name a symbol's candles of one interval; also the topic on which they and their start are published."""
    return ("candles", symbol, interval)


def signals(symbol: str, signature: str) -> Name:
    """Name what computes the signals of one set of needs; also the topic on which they and its start are published."""
    return ("signals", symbol, signature)


def is_of_signals(name: object, symbol: str) -> bool:
    """Say whether a name is that of one who computes signals of a symbol."""
    return isinstance(name, tuple) and name[:2] == ("signals", symbol)


def symbol_supervisor(account_id: str, symbol: str) -> Name:
    """Name the top of a symbol's tree."""
    return ("symbol", account_id, symbol)


def traders(account_id: str, symbol: str) -> Name:
    """Name the supervisor of a symbol's traders."""
    return ("traders", account_id, symbol)


def leader(account_id: str, symbol: str) -> Name:
    """Name a symbol's leader."""
    return ("leader", account_id, symbol)


def trader(account_id: str, symbol: str, slot: int) -> Name:
    """Name one trader."""
    return ("trader", account_id, symbol, slot)
