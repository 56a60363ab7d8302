"""Who may trade here: accounts, their keys and permissions, read from a file that only its owner may read.

Made once, with keys from the machine's randomness, when there is none. Secrets are in the file and nowhere else; a key
that was revoked stays so until the file says otherwise.
"""

import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from naive_daemon.domain.errors import ConfigError
from naive_daemon.domain.money import parse_decimal
from naive_daemon.exchange.server.signature import Ed25519Key, HmacKey, SigningKey

OWNER_ONLY = 0o600
_SECRET_BYTES = 32
OPENING = {"USDT": "100000", "BTC": "10", "ETH": "1000", "BNB": "1000"}
_HINT = "see the accounts.json that exchange serve makes when no --accounts is given"


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key as the file has it: with a `secret` (HMAC) or a `public_key` (Ed25519, PEM)."""

    api_key: str
    secret: str | None = None
    public_key: str | None = None
    can_trade: bool = True
    can_withdraw: bool = False

    def __repr__(self) -> str:
        return f"KeyRecord({self.api_key[:4]}…)"


class AccountRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account as the file has it; balances are what it opens with, by asset."""

    name: str
    keys: list[KeyRecord]
    balances: dict[str, str] = msgspec.field(default_factory=OPENING.copy)
    can_trade: bool = True
    can_withdraw: bool = False


class _AccountsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    accounts: list[AccountRecord]


class ApiKey:
    """A key that is in use."""

    def __init__(self, record: KeyRecord, account: AccountRecord) -> None:
        self.record = record
        self.account = account
        self.is_revoked = False
        self.signing: SigningKey
        if record.secret is not None:
            self.signing = HmacKey(record.secret)
        elif record.public_key is not None:
            self.signing = Ed25519Key(record.public_key)
        else:
            raise ConfigError(f"a key of account {account.name} has neither secret nor public_key", hint=_HINT)

    @property
    def may_trade(self) -> bool:
        """Say whether orders may be placed and cancelled with it."""
        return self.record.can_trade and self.account.can_trade


class Accounts:
    """All accounts and keys."""

    def __init__(self, records: list[AccountRecord]) -> None:
        self._records = {record.name: record for record in records}
        self._keys: dict[str, ApiKey] = {}
        for record in records:
            for key in record.keys:
                if key.api_key in self._keys:
                    raise ConfigError(f"a key of account {record.name} is there twice", hint=_HINT)
                self._keys[key.api_key] = ApiKey(key, record)
        if len(self._records) != len(records):
            raise ConfigError("an account is there twice", hint=_HINT)

    def __iter__(self) -> Iterator[AccountRecord]:
        return iter(self._records.values())

    def __contains__(self, name: str) -> bool:
        return name in self._records

    def key(self, api_key: str) -> ApiKey | None:
        """Find a key that is in use."""
        key = self._keys.get(api_key)
        return None if key is None or key.is_revoked else key

    def revoke(self, name: str) -> list[ApiKey]:
        """Let a key, or all keys of an account, be worth nothing from now on; gives those it took."""
        revoked = [
            key for key in self._keys.values() if not key.is_revoked and name in (key.record.api_key, key.account.name)
        ]
        for key in revoked:
            key.is_revoked = True
        return revoked

    def restore(self) -> None:
        """Let every revoked key work again."""
        for key in self._keys.values():
            key.is_revoked = False

    @property
    def opening(self) -> Mapping[str, Mapping[str, Decimal]]:
        """What each account opens with, by asset."""
        return {
            record.name: {asset: _opening(record.name, asset, text) for asset, text in record.balances.items()}
            for record in self
        }


def read_accounts(path: Path) -> list[AccountRecord]:
    """Read a file of accounts; raises ConfigError when it is not one, or when others may read it."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConfigError(f"{path} can be read by others", hint=f"chmod 600 {path}: it holds keys")
        accounts = msgspec.json.decode(path.read_bytes(), type=_AccountsFile).accounts
    except OSError as error:
        raise ConfigError(f"accounts {path}: {error.strerror}", hint=_HINT) from error
    except (ValueError, RecursionError) as error:
        # Never with its value: that may be a secret.
        raise ConfigError(f"accounts {path}: {error}", hint=_HINT) from None
    if not accounts:
        raise ConfigError(f"accounts {path}: there is no account in it", hint=_HINT)
    return accounts


def make_accounts(folder: Path, names: tuple[str, ...]) -> Path:
    """Make `accounts.json` with one HMAC and one Ed25519 key for each name, unless it is there already."""
    path = folder / "accounts.json"
    if path.exists():
        return path
    records = []
    for name in names:
        private = Ed25519PrivateKey.generate()
        write_private(
            ed25519_path(folder, name),
            private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        )
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        keys = [
            _hmac_key(),
            KeyRecord(api_key=secrets.token_hex(_SECRET_BYTES), public_key=public),
        ]
        records.append(AccountRecord(name=name, keys=keys))
    _write_accounts(path, records)
    return path


def add_accounts(path: Path, count: int) -> None:
    """Add accounts to a file, each with one HMAC key, until there are `count`; those that are there stay."""
    records = read_accounts(path)
    names = {record.name for record in records}
    numbers = (f"account-{number:03}" for number in range(1, count + 1))
    fresh = [name for name in numbers if name not in names][: max(0, count - len(records))]
    if fresh:
        records += [AccountRecord(name=name, keys=[_hmac_key()]) for name in fresh]
        _write_accounts(path, records)


def _hmac_key() -> KeyRecord:
    return KeyRecord(api_key=secrets.token_hex(_SECRET_BYTES), secret=secrets.token_hex(_SECRET_BYTES))


def _write_accounts(path: Path, records: list[AccountRecord]) -> None:
    data = msgspec.json.encode(_AccountsFile(records))
    write_private(path, msgspec.json.format(data, indent=2) + b"\n")


def ed25519_path(folder: Path, name: str) -> Path:
    """Say where the private half of an account's Ed25519 key is kept, when it was made here."""
    return folder / f"{name}-ed25519.pem"


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, replacing it as a whole."""
    fresh = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY), "wb") as file:
        file.write(data)
    fresh.replace(path)


def _opening(name: str, asset: str, text: str) -> Decimal:
    try:
        return parse_decimal(text)
    except ValueError as error:
        raise ConfigError(f"account {name}: its balance in {asset}: {error}", hint=_HINT) from error
