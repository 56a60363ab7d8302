"""The service manager: systemd's notifications, silent where there is no systemd (sd_notify(3))."""

from systemd_watchdog.systemd_watchdog import WatchDog


class SystemdNotifier:
    """Implements ServiceNotifier by the socket that systemd names in NOTIFY_SOCKET."""

    def __init__(self) -> None:
        self._watchdog = WatchDog()

    def ready(self) -> None:
        """Say that the tree is up."""
        self._watchdog.ready()

    def alive(self) -> None:
        """Feed the watchdog, at most as often as it wants."""
        self._watchdog.ping()

    def status(self, text: str) -> None:
        """Say in words what the daemon does."""
        self._watchdog.status(text)
