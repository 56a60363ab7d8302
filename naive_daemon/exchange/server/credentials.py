"""The exchange's folder: who may look into it, its accounts, and the files that a shell can `source` to trade there.

Every file that holds a secret is readable by its owner alone; no secret is printed.
"""

import csv
import io
from pathlib import Path

import msgspec

from naive_daemon.exchange.server.accounts import (
    add_accounts,
    ed25519_path,
    make_accounts,
    read_accounts,
    write_private,
)
from naive_daemon.exchange.server.market_choice import CLIENTS
from naive_daemon.home import make_home

_NAMES = ("demo",)
_NAMES_OF_CLIENTS = ("demo", "other")


LISTING = "accounts.csv"
"""In the folder: every account but the first, with the reference to its key, as `account add --from` reads it."""


def open_folder(folder: Path, accounts: Path | None, market: str, count: int = 0) -> Path:
    """Make the folder, and the accounts when there are none, or fewer than `count`; gives the file of accounts.

    A market of clients needs two, for nobody trades with himself. Raises ConfigError when it can not be written.
    """
    make_home(folder)
    if accounts is not None:
        return accounts
    path = make_accounts(folder, _NAMES_OF_CLIENTS if market == CLIENTS else _NAMES)
    add_accounts(path, count)
    return path


def write_references(folder: Path, accounts: Path | None) -> Path:
    """Write, for each account, a file that a `file:` reference may point at, and the list of all but the first."""
    rows = []
    keys = folder / "keys"
    make_home(keys)
    for number, record in enumerate(read_accounts(accounts or folder / "accounts.json")):
        key = next((key for key in record.keys if key.secret is not None), None)
        if key is None:
            continue
        path = keys / f"{record.name}.toml"
        write_private(path, f"api_key = {_quoted(key.api_key)}\napi_secret = {_quoted(key.secret)}\n".encode())
        if number:
            rows.append((record.name, f"file:{path}"))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    listing = folder / LISTING
    write_private(listing, text.getvalue().encode())
    return listing


def _quoted(text: str | None) -> str:
    """Write a text as TOML does, which takes what JSON writes."""
    return msgspec.json.encode(text or "").decode()


def write_credentials(folder: Path, accounts: Path | None, address: str) -> list[Path]:
    """Write, for each account, the variables with which a daemon trades here; gives the files, in order."""
    paths = []
    for number, record in enumerate(read_accounts(accounts or folder / "accounts.json")):
        path = folder / ("credentials.env" if not number else f"credentials-{record.name}.env")
        lines = [
            f"# To trade on the local exchange as {record.name}: set -a; source {path}; set +a",
            f"NAIVE_EXCHANGE__BINANCE__REST_URL=http://{address}",
            f"NAIVE_EXCHANGE__BINANCE__WS_API_URL=ws://{address}/ws-api/v3",
            f"NAIVE_EXCHANGE__BINANCE__STREAM_URL=ws://{address}",
        ]
        for key in record.keys:
            if key.secret is not None:
                lines.append(f"NAIVE_EXCHANGE__BINANCE__API_KEY={key.api_key}")
                lines.append(f"NAIVE_EXCHANGE__BINANCE__API_SECRET={key.secret}")
                break
        private = ed25519_path(folder, record.name)
        public = next((key for key in record.keys if key.public_key is not None), None)
        if public is not None and private.exists():
            lines.append("# Or with its Ed25519 key, instead of key and secret above:")
            lines.append(f"# NAIVE_EXCHANGE__BINANCE__API_KEY={public.api_key}")
            lines.append(f"# NAIVE_EXCHANGE__BINANCE__PRIVATE_KEY_FILE={private}")
        write_private(path, "\n".join([*lines, ""]).encode())
        paths.append(path)
    return paths
