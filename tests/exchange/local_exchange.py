"""The local exchange as the installed program: a subprocess on a free port, with a folder of its own.

`with LocalExchange(tmp_path) as exchange: ...`; it can be killed and started again on the same port and folder.
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

_PATIENCE_S = 30.0
_UNLIMITED = ("--weight-limit", "0", "--order-limit", "0", "--day-order-limit", "0", "--connection-limit", "0")


class AdminError(Exception):
    """The exchange refused what an operator asked; says why."""


class LocalExchange:
    """One `naive-daemon exchange serve`. Without `limited` it counts nobody's requests.

    `market` is generated, clients or a file. Keys are those of the first account; `keys_of` gives another's.
    """

    def __init__(self, folder: Path, *options: str, market: str = "generated", limited: bool = False) -> None:
        self.folder = folder / "exchange"
        self._options = (*options, "--market", market, *(() if limited else _UNLIMITED))
        self._process: subprocess.Popen[str] | None = None
        self._told: dict[str, Any] = {}
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, on its former port if it had one, and wait until it serves."""
        command = [sys.executable, "-c", "from naive_daemon.cli import main; main()", "exchange", "serve", "--json"]
        command += ["--state", str(self.folder), "--port", str(self.port), *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the exchange ended with {self._process.wait(_PATIENCE_S)} before it served"
        self._told = json.loads(line)
        self.port = self._told["port"]

    def stop(self) -> int:
        """End it in order; gives its exit code."""
        return self._end(lambda process: process.terminate())

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._end(lambda process: process.kill())

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self._told["pid"])

    @property
    def rest_url(self) -> str:
        """Base URL of REST, without a path."""
        return str(self._told["url"])

    @property
    def ws_api_url(self) -> str:
        """URL of the WebSocket API."""
        return str(self._told["ws_api_url"])

    @property
    def stream_url(self) -> str:
        """Base URL of the market streams, without a path."""
        return str(self._told["stream_url"])

    @property
    def api_key(self) -> str:
        """The first account's HMAC key."""
        return self.keys_of()[0]

    @property
    def api_secret(self) -> str:
        """The secret of `api_key`."""
        return self.keys_of()[1]

    def keys_of(self, account: int = 0) -> tuple[str, str]:
        """Give an account's HMAC key and secret, by its place in the file."""
        keys = self._accounts()[account]["keys"]
        found = next(key for key in keys if key.get("secret"))
        return found["api_key"], found["secret"]

    def ed25519_key(self, account: int = 0) -> tuple[str, Path]:
        """Give an account's Ed25519 key and the file of its private half."""
        record = self._accounts()[account]
        found = next(key for key in record["keys"] if key.get("public_key"))
        return found["api_key"], self.folder / f"{record['name']}-ed25519.pem"

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the operator's side, as in `admin("POST", "/admin/trades", {...})`; raises AdminError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.rest_url + path, data, method=method)  # noqa: S310 - our own server
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:  # noqa: S310 - the same
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise AdminError(error.read().decode()) from None

    def fault(self, kind: str, **wish: Any) -> Any:
        """Switch a fault on, or do it."""
        return self.admin("POST", "/admin/faults", {"kind": kind, **wish})

    def heal(self) -> None:
        """Switch every fault off."""
        self.admin("DELETE", "/admin/faults")

    def trade(self, symbol: str, price: str, quantity: str = "1000000", *, buyer_is_maker: bool = False) -> int:
        """Let the market print a trade now; gives its number."""
        body = {"symbol": symbol, "price": price, "quantity": quantity, "buyer_is_maker": buyer_is_maker}
        return int(self.admin("POST", "/admin/trades", body)["id"])

    def pause(self) -> None:
        """Let the market print nothing by itself."""
        self.admin("POST", "/admin/market", {"pause": True})

    def resume(self) -> None:
        """Let the market go on."""
        self.admin("POST", "/admin/market", {"pause": False})

    def _accounts(self) -> list[dict[str, Any]]:
        accounts: list[dict[str, Any]] = json.loads((self.folder / "accounts.json").read_text())["accounts"]
        return accounts

    def _end(self, signal: Any) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        signal(process)
        code = process.wait(_PATIENCE_S)
        if process.stdout is not None:
            process.stdout.close()
        return code
