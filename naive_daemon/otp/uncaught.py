"""The last resort for an error that nobody is there to receive: what Python itself does when a thread ends with one."""

import threading


def report_uncaught(error: BaseException) -> None:
    """Give `error` to `threading.excepthook`, and let the thread go on."""
    arguments = (type(error), error, error.__traceback__, threading.current_thread())
    threading.excepthook(threading.ExceptHookArgs(arguments))
