"""Signals that ask a long run to end."""

import os
import signal

import pytest

from ssh_tf.utils.signals import stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_noted_and_the_second_works_as_ever(number):
    received = []
    before = signal.signal(number, lambda got, _: received.append(got))
    try:
        with stop_signals() as came:
            assert not came
            os.kill(os.getpid(), number)
            assert came == [signal.Signals(number).name]
            assert not received
            os.kill(os.getpid(), number)
            assert came == [signal.Signals(number).name]
            assert received == [number]
    finally:
        signal.signal(number, before)


def test_handlers_come_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_signals():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
