"""Where configuration comes from, which source is stronger, and how mistakes are told."""

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from naive_daemon.config import Config, Endpoint, load_config, parse_endpoint
from naive_daemon.config.mistake import known_keys
from naive_daemon.domain.errors import ConfigError

SAMPLE = Path(__file__).parents[2] / "config" / "naive-daemon.toml"
NOTHING: Mapping[str, str] = {}
KILL_STUCK = "NAIVE_SUPERVISION__KILL_STUCK_AFTER_S"


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def mistakes(path: Path | None = None, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environment=environment)
    assert caught.value.exit_code == 78
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value.message.splitlines()[1:]


def test_defaults_when_nothing_is_given() -> None:
    config = load_config(environment=NOTHING)
    assert config.account == "main"
    assert config.exchange.maker_fee == Decimal("0.001")
    assert config.exchange.balances == {"USDT": Decimal(100000), "ETH": Decimal(1000), "BTC": Decimal(10)}
    assert config.database.url is None
    assert config.home.is_absolute()


def test_the_sample_file_holds_every_default() -> None:
    assert load_config(SAMPLE, environment=NOTHING) == load_config(environment=NOTHING)


def test_the_sample_file_names_every_key() -> None:
    # Keys whose default is nothing, or depends on the machine, stand there as a comment.
    text = re.sub(r"^# (?=[a-z_]+ = )", "", SAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    table = tomllib.loads(text)
    for key in known_keys():
        branch = table
        for depth, name in enumerate(key, 1):
            assert name in branch, f"{'.'.join(key[:depth])} is missing"
            branch = branch[name]


def test_every_key_is_described() -> None:
    for key in known_keys():
        section: Any = Config
        for name in key:
            assert section.model_fields[name].description, key
            section = section.model_fields[name].annotation


def test_options_beat_variables_beat_credentials_beat_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path / "c.toml", '[database]\nurl = "postgresql://file/x"\n[log]\nlevel = "error"\nformat = "json"\n'
    )
    write(tmp_path / "database_url", "postgresql://credential/x\n")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path), "NAIVE_LOG__LEVEL": "debug"}
    config = load_config(path, {"log.level": "warning", "account": None}, environment=environment)
    assert config.log.level == "warning"
    assert config.log.format == "json"
    assert config.database.url is not None
    assert config.database.url.get_secret_value() == "postgresql://credential/x"
    environment["NAIVE_DATABASE_URL"] = "postgres://variable/x"
    config = load_config(path, environment=environment)
    assert config.log.level == "debug"
    assert config.database.url is not None
    assert config.database.url.get_secret_value() == "postgresql://variable/x"


def test_nested_options_work_too() -> None:
    assert load_config(None, {"market": {"seed": 7}}, environment=NOTHING).market.seed == 7


def test_the_home_of_nobody_is_refused(tmp_path: Path) -> None:
    for key in ("home", "market.feed", "exchange.binance.private_key_file"):
        *sections, last = key.split(".")
        lines = [f"[{'.'.join(sections)}]"] * bool(sections) + [f'{last} = "~no-such-user/x"']
        path = tmp_path / "a.toml"
        path.write_text("\n".join(lines))
        for given in (lambda path=path: load_config(path, environment=NOTHING),
                      lambda key=key: load_config(None, {key: "~no-such-user/x"}, environment=NOTHING)):  # fmt: skip
            with pytest.raises(ConfigError, match=key.replace(".", r"\.") + r".*'~no-such-user/x'"):
                given()
    with pytest.raises(ConfigError, match=r"NAIVE_CONFIG.*a home that is nobody's here"):
        load_config(environment={"NAIVE_CONFIG": "~no-such-user/a.toml"})


def test_the_file_named_by_a_variable_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", 'account = "other"\n')
    assert load_config(environment={"NAIVE_CONFIG": str(path)}).account == "other"


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_config(environment={"NAIVE_DATABASE_URL": "", "NAIVE_ACCOUNT": " "}).account == "main"


def test_decimals_stay_exact(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", "[exchange]\nmaker_fee = 0.00075000000000000001\nbalances = { BTC = 0.1 }\n")
    exchange = load_config(path, environment={"NAIVE_EXCHANGE__BALANCES__USDT": "5.5"}).exchange
    assert exchange.maker_fee == Decimal("0.00075000000000000001")
    assert exchange.balances == {"BTC": Decimal("0.1"), "USDT": Decimal("5.5")}
    table = '{"btc": 0.10000000000000000001}'
    assert load_config(environment={"NAIVE_EXCHANGE__BALANCES": table}).exchange.balances == {
        "BTC": Decimal("0.10000000000000000001")
    }


def test_paths_of_a_file_start_where_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "c.toml", 'home = "data"\n[market]\nfeed = "day.csv"\n[log]\nfile = "/var/x.log"\n')
    monkeypatch.chdir("/")
    config = load_config(path, environment=NOTHING)
    assert config.home == tmp_path / "data"
    assert config.market.feed == str(tmp_path / "day.csv")
    assert config.log.file == Path("/var/x.log")
    assert load_config(environment={"NAIVE_MARKET__FEED": "day.csv"}).market.feed == "/day.csv"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("postgresql://u:p@h/d", "postgresql://u:p@h/d"),
        ("postgres://h", "postgresql://h"),
        ("postgresql+psycopg://h:5433/d", "postgresql://h:5433/d"),
        ("postgresql://naive@/naive?host=/run/x", "postgresql://naive@/naive?host=/run/x"),
        ("postgresql://a:1,b:2/d", "postgresql://a:1,b:2/d"),
    ],
)
def test_database_urls_are_normalised(given: str, kept: str) -> None:
    url = load_config(environment={"NAIVE_DATABASE_URL": given}).database.url
    assert url is not None
    assert url.get_secret_value() == kept


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("NAIVE_LOG__LEVEL", "loud", "log.level (NAIVE_LOG__LEVEL): given 'loud'; allowed: one of debug, info,"),
        (
            "NAIVE_MARKET__SEED",
            "-1",
            "market.seed (NAIVE_MARKET__SEED): given '-1'; allowed: a whole number, at least 0",
        ),
        ("NAIVE_MARKET__SPEED", "fast", "market.speed (NAIVE_MARKET__SPEED): given 'fast'; allowed: max or a number"),
        ("NAIVE_MARKET__SPEED", "0", "market.speed (NAIVE_MARKET__SPEED): given '0'; allowed: max or a number"),
        (
            "NAIVE_MARKET__TRADES_PER_S",
            "nan",
            "market.trades_per_s (NAIVE_MARKET__TRADES_PER_S): given 'nan'; allowed:",
        ),
        ("NAIVE_EXCHANGE__MAKER_FEE", "NaN", "exchange.maker_fee (NAIVE_EXCHANGE__MAKER_FEE): given 'NaN'; allowed: a"),
        ("NAIVE_EXCHANGE__NAME", "kraken", "exchange.name (NAIVE_EXCHANGE__NAME): given 'kraken'; allowed: one of pa"),
        (
            "NAIVE_EXCHANGE__BINANCE__NETWORK",
            "moon",
            "exchange.binance.network (NAIVE_EXCHANGE__BINANCE__NETWORK): given 'moon'; allowed: one of mainnet, te",
        ),
        (
            "NAIVE_EXCHANGE__BINANCE__STALE_AFTER_S",
            "0",
            "exchange.binance.stale_after_s (NAIVE_EXCHANGE__BINANCE__STALE_AFTER_S): given '0'; allowed: a number,",
        ),
        *(
            (
                f"NAIVE_EXCHANGE__BINANCE__{key.upper()}",
                value,
                f"exchange.binance.{key} (NAIVE_EXCHANGE__BINANCE__{key.upper()}): given '{shown}'; allowed: a URL",
            )
            for key, values in (
                ("rest_url", ("api.binance.com", "wss://h", "https://", "http://h:99999")),
                ("ws_api_url", ("https://h", "ws://", "ws://u:p@h", "ws://h/?a=b")),
                ("stream_url", ("stream.binance.com:9443", "http://h", "wss://h:x")),
            )
            for value in values
            for shown in [value.replace("u:p", "***")]
        ),
        (
            "NAIVE_EXCHANGE__BALANCES",
            '{"a',
            "exchange.balances (NAIVE_EXCHANGE__BALANCES): given '{\"a'; allowed: a table",
        ),
        (
            "NAIVE_EXCHANGE__BALANCES__BTC",
            "-1",
            "exchange.balances.BTC (NAIVE_EXCHANGE__BALANCES__BTC): given '-1'; all",
        ),
        ("NAIVE_LOG", "x", "log (NAIVE_LOG): given 'x'; a section is a table of keys"),
        (
            "NAIVE_JOURNAL__RETRY_MAX_S",
            "0.1",
            "journal (NAIVE_JOURNAL__RETRY_MAX_S): retry_first_s is more than retry_",
        ),
        (
            KILL_STUCK,
            "4",
            "supervision (NAIVE_SUPERVISION__KILL_STUCK_AFTER_S): stuck_after_s is more than kill_stuck_after_s",
        ),
        *(
            (KILL_STUCK, value, f"supervision.kill_stuck_after_s ({KILL_STUCK}): given '{value}'")
            for value in ("0", "-1", "nan", "inf", "90000", "Never", "soon")
        ),
        *(
            (
                "NAIVE_METRICS__LISTEN",
                value,
                f"metrics.listen (NAIVE_METRICS__LISTEN): given '{value}'; allowed: a host and a port like",
            )
            for value in (
                "9108",
                ":9108",
                "localhost",
                "localhost:65536",
                "local host:1",
                "::1:9108",
                "[::1]",
                "[x]:1",
                "a..b:1",
            )
        ),
        ("NAIVE_DATABSE_URL", "x", "databse_url (NAIVE_DATABSE_URL): unknown key; did you mean NAIVE_DATABASE_URL?"),
        ("NAIVE_LOG__LEVL", "info", "log.levl (NAIVE_LOG__LEVL): unknown key; did you mean NAIVE_LOG__LEVEL?"),
        ("NAIVE_QUUX", "1", "quux (NAIVE_QUUX): unknown key"),
        ("NAIVE_ACCOUNT", "a/b", "account (NAIVE_ACCOUNT): given 'a/b'; allowed: 1 to 32 letters"),
    ],
)
def test_a_mistake_says_key_place_value_and_range(variable: str, value: str, line: str) -> None:
    (told,) = mistakes(None, **{variable: value})
    assert told.strip().startswith(line)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", 'acount = "x"\n[log]\nlevel = 3\n[supervision]\npool_threads = 0\n')
    told = "\n".join(mistakes(path, NAIVE_REDIS_URL="http://h", NAIVE_JOURNAL__BATCH_MAX="0"))
    assert len(told.splitlines()) == 5
    assert f"acount ({path}): unknown key; did you mean account?" in told
    assert f"log.level ({path}): given '3'" in told
    assert f"supervision.pool_threads ({path}): given '0'; allowed: a whole number, at least 1 and at most 64" in told


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:sesame@h/d",
        "postgresql://u:sesame@h:port/d",
        "postgresql://u:sesame@[h/d",
        "postgresql://u:sesame@h/d d",
        "u:sesame@h",
        "postgresql://",
        "postgresql://u:sesame@h:0/d",
        "postgresql://u:sesame\x00@h/d",
    ],
)
def test_a_secret_never_shows(url: str) -> None:
    (told,) = mistakes(None, NAIVE_DATABASE_URL=url)
    assert "sesame" not in told
    assert "allowed: a URL like postgresql://" in told


def test_a_password_is_not_in_the_printed_configuration() -> None:
    config = load_config(environment={"NAIVE_DATABASE_URL": "postgresql://u:sesame@h/d"})
    assert "sesame" not in f"{config!r} {config} {config.model_dump()} {config.model_dump_json()}"


API_KEY = "NAIVE_EXCHANGE__BINANCE__API_KEY"
API_SECRET = "NAIVE_EXCHANGE__BINANCE__API_SECRET"  # noqa: S105 - the name of a variable
PRIVATE_KEY_FILE = "NAIVE_EXCHANGE__BINANCE__PRIVATE_KEY_FILE"


def test_a_key_of_an_exchange_comes_from_variables_or_credentials(tmp_path: Path) -> None:
    write(tmp_path / "binance_api_key", "opensesame\n")
    write(tmp_path / "binance_api_secret", "sesame\n")
    credentials = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    config = load_config(environment=credentials)
    assert config.exchange.binance.api_key is not None
    assert config.exchange.binance.api_secret is not None
    assert config.exchange.binance.api_key.get_secret_value() == "opensesame"
    assert config.exchange.binance.api_secret.get_secret_value() == "sesame"
    assert "sesame" not in f"{config!r} {config} {config.model_dump()} {config.model_dump_json()}"
    config = load_config(environment={**credentials, API_KEY: "stronger"})
    assert config.exchange.binance.api_key is not None
    assert config.exchange.binance.api_key.get_secret_value() == "stronger"


@pytest.mark.parametrize("key", ["api_key", "api_secret"])
@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_file_with_a_key_must_be_its_owners_alone(tmp_path: Path, key: str, mode: int) -> None:
    path = write(tmp_path / "c.toml", f'[exchange.binance]\n{key} = "sesame"\n', mode)
    with pytest.raises(ConfigError, match=f"mode 0{mode:o}") as caught:
        load_config(path, environment=NOTHING)
    assert "sesame" not in caught.value.message
    path.chmod(0o600)
    assert getattr(load_config(path, environment=NOTHING).exchange.binance, key) is not None


def test_a_file_that_only_names_a_network_may_be_open(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", '[exchange.binance]\nnetwork = "testnet"\nprivate_key_file = "k.pem"\n', 0o644)
    binance = load_config(path, environment=NOTHING).exchange.binance
    assert (binance.network, binance.private_key_file) == ("testnet", tmp_path / "k.pem")


def test_both_kinds_of_secret_are_one_too_many() -> None:
    (told,) = mistakes(None, **{API_KEY: "opensesame", API_SECRET: "sesame", PRIVATE_KEY_FILE: "/k.pem"})
    assert told.strip().startswith("exchange.binance (")
    assert "api_secret and private_key_file are both given: a key has one of them" in told
    assert "sesame" not in told


def test_a_key_that_is_a_table_is_refused_unseen() -> None:
    (told,) = mistakes(None, **{API_KEY: '{"a": "sesame"}'})
    assert "sesame" not in told


def test_a_url_of_an_exchange_is_kept_without_its_last_slash() -> None:
    given = {"NAIVE_EXCHANGE__BINANCE__REST_URL": "http://127.0.0.1:8080/"}
    assert load_config(environment=given).exchange.binance.rest_url == "http://127.0.0.1:8080"


def test_the_live_market_is_no_path(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", '[market]\nfeed = "binance"\n')
    assert load_config(path, environment=NOTHING).market.feed == "binance"
    assert load_config(environment={"NAIVE_MARKET__FEED": "binance"}).market.feed == "binance"


@pytest.mark.parametrize("url", ["redis://:pw@h:6379/x", "redis:///0", "unix://", "redis://h:99999"])
def test_bad_redis_urls(url: str) -> None:
    assert len(mistakes(None, NAIVE_REDIS_URL=url)) == 1


@pytest.mark.parametrize("url", ["redis://h", "rediss://:pw@h:6379/3", "unix:///run/redis.sock?db=0"])
def test_good_redis_urls(url: str) -> None:
    assert load_config(environment={"NAIVE_REDIS_URL": url}).redis.url is not None


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_with_a_password_must_be_its_owners_alone(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "c.toml", '[redis]\nurl = "redis://:sesame@h"\n', mode)
    with pytest.raises(ConfigError, match=f"holds a password.*mode 0{mode:o}") as caught:
        load_config(path, environment=NOTHING)
    assert caught.value.hint == f"chmod 600 {path}"
    assert "sesame" not in caught.value.message
    path.chmod(0o600)
    assert load_config(path, environment=NOTHING).redis.url is not None


def test_a_file_without_a_password_may_be_open(tmp_path: Path) -> None:
    path = write(tmp_path / "c.toml", '[redis]\nurl = "redis://h"\n', 0o644)
    assert load_config(path, environment=NOTHING).redis.url is not None


def test_unreadable_files_are_told(tmp_path: Path) -> None:
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"a = \xff")
    bad = write(tmp_path / "bad.toml", 'account = "x"\n[log\n')
    cases = {
        tmp_path / "none.toml": "No such file",
        tmp_path: "Is a directory",
        binary: r"not UTF-8 text \(byte 4\)",
        bad: r"not valid TOML: .*line 2, column 5",
    }
    for path, reason in cases.items():
        with pytest.raises(ConfigError, match=reason):
            load_config(path, environment=NOTHING)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:9108", Endpoint("127.0.0.1", 9108)),
        ("localhost:0", Endpoint("localhost", 0)),
        ("[::1]:65535", Endpoint("::1", 65535)),
        ("metrics-1.example:80", Endpoint("metrics-1.example", 80)),
    ],
)
def test_endpoints(text: str, endpoint: Endpoint) -> None:
    assert load_config(environment={"NAIVE_METRICS__LISTEN": text}).metrics.listen == text
    assert parse_endpoint(text) == endpoint
    assert str(endpoint) == text


def test_what_is_stuck_may_be_left_alone() -> None:
    never = {KILL_STUCK: "never", "NAIVE_SUPERVISION__STUCK_AFTER_S": "3600"}
    assert load_config(environment=never).supervision.kill_stuck_after_s == "never"
    assert load_config(environment=NOTHING).supervision.kill_stuck_after_s == 30.0


def test_the_configuration_is_frozen() -> None:
    config = load_config(environment=NOTHING)
    with pytest.raises(ValidationError):
        config.log.level = "debug"


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"NAIVE_EXECUTION__NEVER_PLACED_AFTER_S": "14"},
            "never_placed_after_s is less than 10 s and exchange.binance.",
        ),
        ({"NAIVE_EXCHANGE__BINANCE__RECV_WINDOW_MS": "10001"}, "an order might still be placed"),
        ({"NAIVE_EXECUTION__REQUEST_TIMEOUT_S": "6"}, "an order might still wait to be sent"),
        ({"NAIVE_EXCHANGE__BINANCE__ANSWER_TIMEOUT_S": "9"}, "an order might still wait to be sent"),
    ],
)
def test_no_order_is_given_up_while_it_may_still_be_placed(variables: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match="1 mistake") as raised:
        load_config(environment=variables)
    assert told in str(raised.value)


def test_a_password_where_none_belongs_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match=r"exchange\.binance\.rest_url") as raised:
        load_config(environment={"NAIVE_EXCHANGE__BINANCE__REST_URL": "https://somebody:hunter2@host:1"})
    assert "hunter2" not in str(raised.value)
    assert "'https://***@host:1'" in str(raised.value)
