"""Logs: one stream, two shapes (text for a person at a terminal, JSON lines for machines), and no secret in either.

Whoever starts a process calls `configure_logs` once, before its first event. Everybody else says
`structlog.get_logger()` and binds what it knows: `actor`, `symbol`, `account`, `reason`.
"""

from naive_daemon.logs.routing import LogFormat, LogLevel, configure_logs
from naive_daemon.logs.stream import LogStream, open_log_file
from naive_daemon.otp import hide_secrets

__all__ = ["LogFormat", "LogLevel", "LogStream", "configure_logs", "hide_secrets", "open_log_file"]
