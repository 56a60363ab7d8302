"""URLs of PostgreSQL and Redis: which are taken, and how they are written. Their passwords never enter a message."""

from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

_POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
_REDIS_SCHEMES = ("redis", "rediss", "unix")


def postgres_url(secret: SecretStr) -> SecretStr:
    """Give a PostgreSQL URL with the scheme `postgresql`; raises ValueError for anything else."""
    text = secret.get_secret_value().strip()
    parts = _split(text, _POSTGRES_SCHEMES)
    if not parts.netloc and "host=" not in parts.query:
        raise ValueError("the host is missing")
    return SecretStr("postgresql" + text[text.index(":") :])


def redis_url(secret: SecretStr) -> SecretStr:
    """Check a Redis URL; raises ValueError for anything else."""
    text = secret.get_secret_value().strip()
    parts = _split(text, _REDIS_SCHEMES)
    if parts.scheme == "unix":
        if not parts.path:
            raise ValueError("the socket's path is missing")
    elif not parts.hostname:
        raise ValueError("the host is missing")
    elif parts.path.strip("/") and not parts.path.strip("/").isdigit():
        raise ValueError("the database is not a number")
    return SecretStr(text)


def holds_password(url: str) -> bool:
    """Say whether a URL carries a secret, in its authority or as a parameter."""
    authority, _, rest = url.partition("//")[2].partition("/")
    return ":" in authority.rpartition("@")[0] or "password=" in rest.lower()


def _split(text: str, schemes: tuple[str, ...]) -> SplitResult:
    # Only fixed words leave this function: what urllib says quotes the URL, and with it the password.
    scheme, separator, _ = text.partition("://")
    if not separator or scheme.lower() not in schemes:
        raise ValueError(f"the scheme is not one of {', '.join(schemes)}")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError("it has blanks or control characters; write them percent-encoded")
    try:
        parts = urlsplit(text)
        # Several hosts, each with its port, are PostgreSQL's own extension: its client checks those.
        port_is_bad = "," not in parts.netloc and parts.port == 0
    except ValueError:
        raise ValueError("its host or port is malformed") from None
    if port_is_bad:
        raise ValueError("its host or port is malformed")
    return parts
