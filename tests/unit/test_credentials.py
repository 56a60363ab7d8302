"""References to credentials: what they look like, what is read, and that no error ever shows a key."""

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from naive_daemon.config.credentials import (
    FILE_MAX,
    Credentials,
    check_reference,
    configured_credentials,
    key_digest,
    read_credentials,
    same_key,
)
from naive_daemon.config.exchange import Binance
from naive_daemon.domain.errors import ConfigError
from naive_daemon.logs import hide_secrets

KEY, SECRET, PEM = (
    "k3y-vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zv",
    "s3cr3t-NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZ",
    "PEM-of-a-key",
)


def closed_file(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def shown(credentials: Credentials) -> tuple[str, str | None, str | None]:
    secret, private_key = credentials.api_secret, credentials.private_key
    return (
        credentials.api_key.get_secret_value(),
        None if secret is None else secret.get_secret_value(),
        None if private_key is None else private_key.get_secret_value(),
    )


def test_the_environment_holds_a_key_and_its_secret_or_a_private_key(tmp_path: Path) -> None:
    pem = closed_file(tmp_path / "key.pem", PEM)
    secret = read_credentials("env:SECOND", environment={"SECOND_API_KEY": f" {KEY}\n", "SECOND_API_SECRET": SECRET})
    private = read_credentials("env:x", environment={"x_API_KEY": KEY, "x_PRIVATE_KEY_FILE": str(pem)})
    assert (shown(secret), shown(private)) == ((KEY, SECRET, None), (KEY, None, PEM))


def test_systemd_credentials_hold_a_key_and_its_secret_or_a_private_key(tmp_path: Path) -> None:
    for name, text in (("a_api_key", KEY), ("a_api_secret", SECRET), ("b_api_key", KEY), ("b_private_key", PEM)):
        (tmp_path / name).write_text(text + "\n")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert shown(read_credentials("credential:a", environment=environment)) == (KEY, SECRET, None)
    assert shown(read_credentials("credential:b", environment=environment)) == (KEY, None, PEM)


def test_a_file_holds_a_key_and_its_secret_or_a_private_key_beside_it(tmp_path: Path) -> None:
    closed_file(tmp_path / "key.pem", PEM)
    one = closed_file(tmp_path / "one.toml", f'api_key = "{KEY}"\napi_secret = "{SECRET}"\n')
    two = closed_file(tmp_path / "two.toml", f'api_key = "{KEY}"\nprivate_key_file = "key.pem"\n')
    assert shown(read_credentials(f"file:{one}")) == (KEY, SECRET, None)
    assert shown(read_credentials(f"file:{two}")) == (KEY, None, PEM)


def test_a_path_is_stored_as_an_absolute_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert check_reference(" file:keys/a.toml ") == f"file:{tmp_path}/keys/a.toml"
    assert check_reference("FILE:~/a.toml") == f"file:{tmp_path}/home/a.toml"
    assert check_reference("ENV:SECOND") == "env:SECOND"


@pytest.mark.parametrize(
    "text",
    [
        "", "env:", "env:1ST", "env:A-B", "env:A B", "credential:", "credential:../a", "credential:a/b", "file:",
        "vault:a", KEY, f"env:{KEY}", "file:/a\nb", "file:/\0", f"file:/{'a' * 5000}", "env:'; DROP TABLE a;--",
    ],
)  # fmt: skip
def test_what_is_no_reference_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_reference(text)
    told = f"{refused.value.message} {refused.value.hint}"
    assert "\n" not in told
    assert KEY not in told
    assert "env:PREFIX, credential:NAME or file:/absolute/path" in str(refused.value.hint)


def test_variables_of_the_configuration_are_not_lent() -> None:
    with pytest.raises(ConfigError, match="NAIVE_\\* variables are keys of the configuration"):
        check_reference("env:NAIVE_SECOND")


@pytest.mark.parametrize(
    ("reference", "environment", "said"),
    [
        ("env:A", {}, "credentials env:A: A_API_KEY is not set"),
        ("env:A", {"A_API_KEY": "  "}, "credentials env:A: A_API_KEY is not set"),
        ("env:A", {"A_API_KEY": KEY}, "credentials env:A: neither A_API_SECRET nor A_PRIVATE_KEY_FILE is set"),
        ("env:A", {"A_API_KEY": KEY, "A_API_SECRET": SECRET, "A_PRIVATE_KEY_FILE": "/x"}, "are both set"),
        ("env:A", {"A_API_KEY": f"{KEY} {KEY}", "A_API_SECRET": SECRET}, "A_API_KEY holds characters"),
        ("env:A", {"A_API_KEY": KEY, "A_PRIVATE_KEY_FILE": "/no/such"}, "/no/such can not be read: No such file"),
        ("credential:a", {}, "systemd gave no credentials to this process"),
        ("credential:a", {"CREDENTIALS_DIRECTORY": "/no/such"}, "systemd credential a: a_api_key is not set"),
        ("file:/no/such", {}, "/no/such can not be read: No such file"),
        ("file:/dev/null", {}, "/dev/null is no file"),
    ],
)
def test_what_is_missing_is_said_in_one_line(reference: str, environment: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_credentials(reference, environment=environment)
    told = f"{refused.value.message} {refused.value.hint}"
    assert said in refused.value.message
    assert "\n" not in told
    assert refused.value.hint
    assert KEY not in told
    assert SECRET not in told
    assert hide_secrets(told) == told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'api_key = "{KEY}"', "neither api_secret nor private_key_file is set"),
        (f'api_secret = "{SECRET}"', "api_key is not set"),
        (f'api_key = "{KEY}"\napi_secret = "{SECRET}"\nprivate_key_file = "a"', "are both set"),
        (f'api_key = "{KEY}"\npassword = "{SECRET}"', "keys that are not known"),
        (f'{KEY} = "{KEY}"', "keys that are not known"),
        ("api_key = 7", "api_key is no text"),
        (f'api_key = "{KEY}', "not valid TOML"),
        (f"{KEY}\n{SECRET}\n", "not valid TOML"),
    ],
)
def test_a_bad_file_is_refused_and_nothing_of_it_is_shown(tmp_path: Path, text: str, said: str) -> None:
    path = closed_file(tmp_path / "a.toml", text)
    with pytest.raises(ConfigError) as refused:
        read_credentials(f"file:{path}")
    told = f"{refused.value.message} {refused.value.hint}"
    assert said in told
    assert "\n" not in told
    assert KEY not in told
    assert SECRET not in told
    assert refused.value.__context__ is None or refused.value.__suppress_context__


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o606, 0o611])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = closed_file(tmp_path / "a.toml", f'api_key = "{KEY}"\napi_secret = "{SECRET}"', mode)
    with pytest.raises(ConfigError, match="others than its owner may use") as refused:
        read_credentials(f"file:{path}")
    assert refused.value.hint == f"chmod 600 {path}"


def test_a_private_key_that_others_may_use_is_refused(tmp_path: Path) -> None:
    pem = closed_file(tmp_path / "key.pem", PEM, 0o644)
    with pytest.raises(ConfigError, match="A_PRIVATE_KEY_FILE names a file: others than its owner may use"):
        read_credentials("env:A", environment={"A_API_KEY": KEY, "A_PRIVATE_KEY_FILE": str(pem)})


def test_a_pipe_that_nobody_writes_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(ConfigError, match="is no file"):
        read_credentials(f"file:{tmp_path / 'pipe'}")


def test_the_home_of_nobody_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a home that is nobody's here") as refused:
        check_reference("file:~no-such-user/a.toml")
    assert "file:/absolute/path" in str(refused.value.hint)
    path = closed_file(tmp_path / "a.toml", f'api_key = "{KEY}"\nprivate_key_file = "~no-such-user/key.pem"')
    with pytest.raises(ConfigError, match="private_key_file names a file below a home that is nobody's here"):
        read_credentials(f"file:{path}")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        read_credentials(f"file:{path}")


def test_what_is_too_long_is_refused_and_never_cut(tmp_path: Path) -> None:
    long = "x" * FILE_MAX
    path = closed_file(tmp_path / "a.toml", f'api_key = "{KEY}"\napi_secret = "{SECRET}"\n# {long}')
    with pytest.raises(ConfigError, match=r"a\.toml is longer than 65536 bytes"):
        read_credentials(f"file:{path}")
    closed_file(tmp_path / "a_api_key", KEY)
    closed_file(tmp_path / "a_api_secret", long + "x")
    given = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    with pytest.raises(ConfigError, match="a_api_secret is longer than 65536 bytes"):
        read_credentials("credential:a", environment=given)
    closed_file(tmp_path / "a_api_secret", long)
    assert shown(read_credentials("credential:a", environment=given)) == (KEY, long, None)


def test_the_configured_accounts_credentials_are_read_the_same_way(tmp_path: Path) -> None:
    pem = closed_file(tmp_path / "key.pem", PEM)
    hmac_key = configured_credentials(Binance(api_key=SecretStr(KEY), api_secret=SecretStr(SECRET)))
    private = configured_credentials(Binance(api_key=SecretStr(KEY), private_key_file=pem))
    assert hmac_key is not None
    assert private is not None
    assert (shown(hmac_key), shown(private)) == ((KEY, SECRET, None), (KEY, None, PEM))
    assert configured_credentials(Binance()) is None
    assert configured_credentials(Binance(api_key=SecretStr(KEY))) is None


def test_nothing_prints_or_encodes_a_secret() -> None:
    whole = Credentials(api_key=SecretStr(KEY), api_secret=SecretStr(SECRET), private_key=SecretStr(PEM))
    assert not any(secret in f"{whole!r} {whole}" for secret in (KEY, SECRET, PEM))
    with pytest.raises(TypeError):
        msgspec.json.encode(whole)


@given(one=st.text(min_size=1), other=st.text(min_size=1))
def test_two_accounts_share_a_key_when_their_api_keys_are_equal(one: str, other: str) -> None:
    first, second = (Credentials(api_key=SecretStr(key), api_secret=SecretStr(SECRET)) for key in (one, other))
    third = Credentials(api_key=SecretStr(one), private_key=SecretStr(PEM))
    assert same_key(first, second) == (one == other)
    assert same_key(first, third)
    assert (key_digest(first) == key_digest(second)) == (one == other)
