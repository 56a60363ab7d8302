"""One connection of the writer's: it sends batches as MULTI/EXEC and says what became of them.

Owned by the writer's thread; `cut` may be called by another. Each batch carries a number, which is kept in Redis under
`writers:<name>` by the same MULTI. So a batch whose answer was lost is not made twice, and a server that has forgotten
a number has forgotten what came with it.
"""

import contextlib
import socket
from collections.abc import Sequence
from typing import Any

import msgspec
import redis

from naive_daemon.storage.redis.config import RedisCacheConfig
from naive_daemon.storage.redis.write import Command, Write

WRITERS = "writers"
REMEMBERED_S = 7 * 86_400
"""For so long a number outlives the last batch of its writer."""

SLOWEST_BYTES_PER_S = 2**20
"""A large batch may take longer to be answered, by its size."""

CHUNK_BYTES = 2**18

NOBODY = b"%d" % (2**53 - 1)
"""The number of a connection that will never be."""


class RefusedError(Exception):
    """Redis refused a batch whole: nothing of it was made. The cause is what it said."""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself; `client` is our connection's number there."""

    run_id: str = ""
    client: int | None = None
    version: tuple[int, ...] = ()
    is_replica: bool = False
    is_cluster: bool = False
    may_end_connections: bool = True
    eviction: str = "noeviction"
    has_maxmemory: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """Say what an operator should mend."""
        found = []
        if self.version and self.version < (6,):
            found.append(f"Redis {'.'.join(map(str, self.version))} is too old: 6 or newer is needed")
        if self.is_cluster:
            found.append("it is a Redis Cluster: give a server of its own")
        if self.is_replica:
            found.append("it is a replica, which takes no writes")
        if self.has_maxmemory and self.eviction != "noeviction":
            found.append(f"it forgets keys when memory is short (maxmemory-policy {self.eviction}): set noeviction")
        if not self.may_end_connections:
            found.append("its user may not say CLIENT KILL: a batch may be made twice after a lost connection")
        return tuple(found)


class Link:
    """See the module. Methods raise redis-py's errors, and RefusedError; after one of redis-py's it is of no use."""

    def __init__(self, config: RedisCacheConfig, writer: str) -> None:
        self._config = config
        self._mark = f"{config.prefix}{WRITERS}:{writer}".encode()
        self._connection = config.make_connection()
        self.server = Server()

    def open(self, former: Server | None) -> int | None:
        """Connect; end what is left of a former connection, and give the last batch's number that the server knows.

        What the former one had sent might otherwise be made after that number was read.
        """
        self._connection.connect()
        self.server = self._introduce()
        if former is not None and former.client is not None and former.run_id and former.run_id == self.server.run_id:
            self._ask_quietly(b"CLIENT", b"KILL", b"ID", b"%d" % former.client)
        # A user who may not say MULTI would have each command of a batch made alone.
        self._ask(b"MULTI")
        self._ask(b"DISCARD")
        return _number(self._ask(b"GET", self._mark))

    def transact(self, batch: Sequence[Write], number: int) -> tuple[int | None, list[Exception | None]]:
        """Make a batch, whole; gives the number that was known before, and what was wrong with each write."""
        scripts = {write.script.digest: write.script for write in batch if write.script is not None}
        commands: list[Command] = [
            (b"MULTI",),
            (b"GET", self._mark),
            # Refused when there is no memory, and with it the batch, before a part of it is made.
            (b"SET", self._mark, b"%d" % number, b"EX", b"%d" % REMEMBERED_S),
            *[(b"SCRIPT", b"LOAD", script.text) for script in scripts.values()],
            *[command for write in batch for command in write.commands],
            (b"EXEC",),
        ]
        self._send(commands)
        answers = self._take_answers(len(commands), sum(write.size for write in batch))
        results = answers[2 + len(scripts) :]
        return _number(answers[0]), _errors(batch, results)

    def flush(self, keep: Sequence[bytes], pattern: bytes, number: int) -> None:
        """Forget all keys that match and do not begin with one of `keep`, page by page; then note the number."""
        cursor = b"0"
        kept = tuple(keep)
        while True:
            cursor, page = self._ask(b"SCAN", cursor, b"MATCH", pattern, b"COUNT", b"1000")
            doomed = [key for key in page if key != self._mark and not (kept and key.startswith(kept))]
            if doomed:
                self._ask(b"UNLINK", *doomed)
            if cursor == b"0":
                break
        self._ask(b"SET", self._mark, b"%d" % number, b"EX", b"%d" % REMEMBERED_S)

    def forget(self) -> None:
        """Take the number back: its writer ends in order."""
        self._ask_quietly(b"DEL", self._mark)

    def cut(self) -> None:
        """End the connection while the writer's thread is using it, which gets an error from it."""
        # redis-py's own way takes the socket away, and what is being sent would open another one for its rest.
        sock = self._connection._sock  # noqa: SLF001 - it has no other way to it
        if sock is not None:
            with contextlib.suppress(OSError):  # it has ended by itself
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the connection back."""
        self._connection.disconnect()

    def _introduce(self) -> Server:
        client = self._ask_quietly(b"CLIENT", b"ID")
        content = self._ask_quietly(b"INFO")
        lines = content.decode(errors="replace").splitlines() if isinstance(content, bytes) else []
        said = dict(line.split(":", 1) for line in lines if ":" in line)
        return Server(
            run_id=said.get("run_id", ""),
            client=client if isinstance(client, int) else None,
            version=tuple(int(part) for part in said.get("redis_version", "").split(".") if part.isdigit()),
            is_replica=said.get("role") == "slave",
            may_end_connections=self._ask_quietly(b"CLIENT", b"KILL", b"ID", NOBODY) is not None,
            is_cluster=said.get("cluster_enabled") == "1",
            eviction=said.get("maxmemory_policy", "noeviction"),
            has_maxmemory=said.get("maxmemory", "0") != "0",
        )

    def _take_answers(self, count: int, size: int) -> list[Any]:
        """Read every answer, the last of which tells; raises RefusedError when the batch was refused."""
        read = self._connection.read_response
        patience_s = self._config.answer_timeout_s + size / SLOWEST_BYTES_PER_S
        refusal: Exception | None = None
        for _ in range(count - 1):
            try:
                read(disable_decoding=True, timeout=patience_s)
            except redis.ResponseError as error:
                refusal = refusal or error
        try:
            answers = read(disable_decoding=True, timeout=patience_s)
        except redis.ResponseError as error:
            raise RefusedError from refusal or error
        return list(answers)

    def _send(self, commands: Sequence[Command]) -> None:
        """Send in few pieces, as each wakes the server; but not in one, so that a slow line is no dead one."""
        content = memoryview(b"".join(self._connection.pack_commands(commands)))
        pieces = [content[start : start + CHUNK_BYTES] for start in range(0, len(content), CHUNK_BYTES)]
        self._connection.send_packed_command(pieces, check_health=False)

    def _ask(self, *command: bytes) -> Any:
        self._send([command])
        return self._connection.read_response(disable_decoding=True)

    def _ask_quietly(self, *command: bytes) -> Any:
        """Ask what can be done without: None where it is refused."""
        try:
            return self._ask(*command)
        except redis.ResponseError:
            return None


def _number(answer: Any) -> int | None:
    return int(answer) if isinstance(answer, bytes) and answer.isdigit() else None


def _errors(batch: Sequence[Write], results: Sequence[Any]) -> list[Exception | None]:
    """Give each write's first error; most writes are one command."""
    errors: list[Exception | None] = []
    place = 0
    for write in batch:
        count = len(write.commands)
        found = [one for one in results[place : place + count] if isinstance(one, Exception)]
        errors.append(found[0] if found else None)
        place += count
    return errors
