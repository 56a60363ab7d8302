"""What an account owns, has traded, and may do (Binance, "Account endpoints")."""

from typing import Any

from naive_daemon.clock import NS_PER_MS
from naive_daemon.exchange.server.operation import Call
from naive_daemon.exchange.server.order_answers import fill_answer
from naive_daemon.exchange.server.text import amount
from naive_daemon.exchange.server.venue import VenueRules

_LIMIT, _LIMIT_MAX = 500, 1_000
_ZERO = "0.00000000"
_NO_RATES = {"maker": _ZERO, "taker": _ZERO}


def account(call: Call) -> dict[str, Any]:
    """Show the account: permissions, fees, balances."""
    exchange = call.exchange
    owner = call.key.account if call.key is not None else None
    now = exchange.clock.now_ns() // call.unit_ns
    rules = exchange.rules
    skips_empty = call.parameters.text("omitZeroBalances") == "true"
    balances = exchange.venue.balances(call.account).items()
    return {
        "makerCommission": int(rules.maker_fee * 10_000),
        "takerCommission": int(rules.taker_fee * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": _rates(rules),
        "canTrade": owner is not None and owner.can_trade,
        "canWithdraw": owner is not None and owner.can_withdraw,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": now,
        "accountType": "SPOT",
        "balances": [
            {"asset": asset, "free": amount(balance.free), "locked": amount(balance.locked)}
            for asset, balance in balances
            if not skips_empty or balance.free or balance.locked
        ],
        "permissions": ["SPOT"],
        "uid": sum(call.account.encode()),
    }


def commission(call: Call) -> dict[str, Any]:
    """Show the fees of a symbol."""
    symbol = call.parameters.required("symbol")
    call.exchange.listings.instrument(symbol)
    return {
        "symbol": symbol,
        "standardCommission": _rates(call.exchange.rules),
        "specialCommission": _NO_RATES | {"buyer": _ZERO, "seller": _ZERO},
        "taxCommission": _NO_RATES | {"buyer": _ZERO, "seller": _ZERO},
        "discount": _discount(call.exchange.rules),
    }


def order_commission(rules: VenueRules) -> dict[str, Any]:
    """Show the fees of an order that is only tested."""
    return {
        "standardCommissionForOrder": {"maker": amount(rules.maker_fee), "taker": amount(rules.taker_fee)},
        "specialCommissionForOrder": _NO_RATES,
        "taxCommissionForOrder": _NO_RATES,
        "discount": _discount(rules),
    }


def my_trades(call: Call) -> list[dict[str, Any]]:
    """Show the account's fills of a symbol: from a trade on, of an order, of a time, else the newest."""
    parameters, unit_ns = call.parameters, call.unit_ns
    symbol = parameters.required("symbol")
    records = call.exchange.venue.records
    if not records.orders(call.account, symbol):
        call.exchange.listings.instrument(symbol)
    first = parameters.integer("fromId")
    order_id = parameters.integer("orderId")
    start, end = parameters.integer("startTime"), parameters.integer("endTime")
    limit = parameters.limit(_LIMIT, _LIMIT_MAX)
    fills = [
        fill
        for fill in records.fills(call.account, symbol, first or 0)
        if (order_id is None or fill.order_id == order_id)
        and (start is None or fill.time_ns // unit_ns >= start)
        and (end is None or fill.time_ns // unit_ns <= end)
    ]
    is_from_start = first is not None or start is not None
    return [fill_answer(fill, unit_ns) for fill in (fills[:limit] if is_from_start else fills[-limit:])]


def order_limits(call: Call) -> list[dict[str, Any]]:
    """Show how many orders count against the account's limits."""
    limiter = call.exchange.limiter
    return limiter.table(0, limiter.orders(call.account))[:2]


def restrictions(call: Call) -> dict[str, Any]:
    """Show what the key may do."""
    key = call.key
    if key is None:
        raise RuntimeError("restrictions are asked for with a signature")
    return {
        "ipRestrict": False,
        "createTime": call.exchange.clock.now_ns() // NS_PER_MS,
        "enableReading": True,
        "enableSpotAndMarginTrading": key.may_trade,
        "enableWithdrawals": key.record.can_withdraw or key.account.can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": False,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enablePortfolioMarginTrading": False,
    }


def _rates(rules: VenueRules) -> dict[str, str]:
    return {
        "maker": amount(rules.maker_fee),
        "taker": amount(rules.taker_fee),
        "buyer": _ZERO,
        "seller": _ZERO,
    }


def _discount(rules: VenueRules) -> dict[str, Any]:
    """Show what commission is paid in instead of the received asset; it is no cheaper here."""
    is_on, asset = rules.fee_asset is not None, "BNB" if rules.fee_asset is None else rules.fee_asset.asset
    return {"enabledForAccount": is_on, "enabledForSymbol": is_on, "discountAsset": asset, "discount": _ZERO}
