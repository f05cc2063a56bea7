"""Signals that ask a long run to end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_signals() -> Iterator[list[str]]:
    """Collect SIGINT and SIGTERM instead of ending the process; the list holds the names of those that came.

    The second one does what it does elsewhere. In a thread, where Python takes no signals, the list stays empty.
    """
    came: list[str] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _: object) -> None:
        came.append(signal.Signals(number).name)
        restore()

    for number in numbers:
        signal.signal(number, note)
    try:
        yield came
    finally:
        restore()
