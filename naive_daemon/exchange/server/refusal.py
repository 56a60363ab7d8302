"""What the exchange refuses, in Binance's codes and words (Spot API, "Error codes"). Every answer that is no result."""

from naive_daemon.domain.errors import NaiveError

UNKNOWN = -1000
TOO_MANY_REQUESTS = -1003
TIMEOUT = -1007
SERVER_BUSY = -1008
INVALID_MESSAGE = -1013
TOO_MANY_ORDERS = -1015
UNSUPPORTED_OPERATION = -1020
INVALID_TIMESTAMP = -1021
INVALID_SIGNATURE = -1022
ILLEGAL_CHARS = -1100
MANDATORY = -1102
PARAM_EMPTY = -1105
PARAM_NOT_REQUIRED = -1106
BAD_PRECISION = -1111
BAD_ASSET_OR_SYMBOL = -1121
BAD_RECV_WINDOW = -1131
NEW_ORDER_REJECTED = -2010
CANCEL_REJECTED = -2011
NO_SUCH_ORDER = -2013
BAD_API_KEY_FORMAT = -2014
REJECTED_KEY = -2015
ALREADY_SUBSCRIBED = -2035

INVALID_SYMBOL = "Invalid symbol."
ORDER_NOT_FOUND = "Order does not exist."
UNKNOWN_ORDER = "Unknown order sent."
DUPLICATE_ORDER = "Duplicate order sent."
OUTCOME_UNKNOWN = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
UNAVAILABLE = "An unknown error occurred while processing the request."
OUTSIDE_WINDOW = "Timestamp for this request is outside of the recvWindow."
AHEAD = "Timestamp for this request was 1000ms ahead of the server's time."


class RefusedError(NaiveError):
    """An answer that is no result: `status` as in HTTP, Binance's `code`, and the message.

    `retry_at_ms` (UTC) is the moment before which nothing more is taken: REST says it in seconds from now
    (`Retry-After`), the WebSocket API as it is.
    """

    def __init__(self, code: int, message: str, *, status: int = 400, retry_at_ms: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_at_ms = retry_at_ms


def missing(name: str) -> RefusedError:
    """Refuse a request without a parameter that it needs."""
    return RefusedError(MANDATORY, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str, pattern: str) -> RefusedError:
    """Refuse a parameter that is not of its form."""
    return RefusedError(ILLEGAL_CHARS, f"Illegal characters found in parameter '{name}'; legal range is '{pattern}'.")


def unknown_symbol() -> RefusedError:
    """Refuse a symbol that is not listed."""
    return RefusedError(BAD_ASSET_OR_SYMBOL, INVALID_SYMBOL)


def no_such_order() -> RefusedError:
    """Refuse a question for an order that is not known (yet)."""
    return RefusedError(NO_SUCH_ORDER, ORDER_NOT_FOUND)


def rejected_key() -> RefusedError:
    """Refuse a key that is not known, was revoked, or may not do this."""
    return RefusedError(REJECTED_KEY, "Invalid API-key, IP, or permissions for action.", status=401)


def not_supported() -> RefusedError:
    """Refuse what the exchange does not offer."""
    return RefusedError(UNSUPPORTED_OPERATION, "This operation is not supported.")
