"""Work done ahead: order, errors and how far ahead."""

import threading

import pytest

from ssh_tf.utils.prefetch import prefetched


def test_results_come_in_order():
    pairs = [(item, future.result()) for item, future in prefetched(lambda x: x * x, range(20), workers=4)]
    assert pairs == [(item, item * item) for item in range(20)]


def test_futures_may_be_waited_for_in_the_end():
    release = threading.Event()
    futures = [future for _, future in prefetched(lambda _: release.wait(5), range(6), workers=1)]
    release.set()
    assert all(future.result() for future in futures)


def test_an_error_stays_with_its_item():
    results = []
    for item, future in prefetched(lambda x: 1 / x, [1, 0, 2]):
        try:
            results.append(future.result())
        except ZeroDivisionError:
            results.append(item)
    assert results == [1.0, 0, 0.5]


def test_no_more_than_asked_is_loaded_ahead():
    started = []
    taken = prefetched(started.append, range(100), workers=1, ahead=3)
    _, future = next(taken)
    future.result()
    assert len(started) <= 4
    taken.close()
    assert len(started) <= 4


def test_leaving_early_ends_the_threads():
    before = threading.active_count()
    for _ in prefetched(lambda x: x, range(100)):
        break
    assert threading.active_count() == before
    assert next(iter(prefetched(lambda x: x, [])), None) is None


def test_what_the_items_raise_is_raised():
    def items():
        yield 1
        raise KeyError

    with pytest.raises(KeyError):
        list(prefetched(lambda x: x, items()))


@pytest.mark.parametrize("sizes", [[3] * 20, [9, 1, 1, 9, 30, 1, 9, 9], [0, 0, 0, 0, 0, 0, 5]])
def test_what_is_loaded_ahead_has_a_bound_in_bytes(sizes):
    held = [0]

    def load(number):
        held[0] += sizes[number]
        return number

    done = []
    for number, future in prefetched(load, range(len(sizes)), ahead=4, size=sizes.__getitem__, max_bytes=10):
        done.append(future.result())
        # Threads may still be about to load more, but nothing beyond the bound has been given to them.
        assert held[0] <= 10 or held[0] == sizes[number]
        held[0] -= sizes[number]
    assert done == list(range(len(sizes)))
