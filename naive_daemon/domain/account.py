"""An account that a daemon trades, as its operator has set it."""

import msgspec

ACCOUNT_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$"
"""What an account may be called; `ACCOUNT_NAME_WORDS` says it to people."""

ACCOUNT_NAME_WORDS = "1 to 32 letters, digits, dots, dashes and underscores"

REFERENCE = r"^(env:[A-Za-z_][A-Za-z0-9_]*|credential:[A-Za-z0-9][A-Za-z0-9_.-]*|file:/.+)$"
"""What a reference to credentials looks like; `REFERENCE_WORDS` says it to people."""

REFERENCE_WORDS = "env:PREFIX, credential:NAME or file:/absolute/path"

REFERENCE_LENGTH_MAX = 4_096

ACCOUNT_STATES = ("opening", "up", "down", "off")


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One account. `credentials` says where its key is, never what it is; None on an exchange that needs none.

    `beside`: the configured account of the daemon that it was added to, and that alone trades it; None for a configured
    account itself. `revision` is another one each time its row is written; 0 where nobody reads it.
    """

    name: str
    beside: str | None = None
    credentials: str | None = None
    is_enabled: bool = True
    revision: int = 0


class AccountCondition(msgspec.Struct, frozen=True, kw_only=True):
    """What an account really does, as the daemon last said: `state` is one of ACCOUNT_STATES; down is tried again.

    `reason` says why it is down, without any secret; `retry_at_ns` when it is tried again.
    `revision`: of the settings that it goes by.
    """

    account: str
    state: str
    reason: str | None = None
    retry_at_ns: int | None = None
    revision: int = 0
