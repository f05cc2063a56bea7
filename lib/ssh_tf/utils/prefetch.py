"""Work done ahead in threads, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


BYTES_AHEAD = 2**30
"""What is made ahead takes no more, but for a single item that does."""


def prefetched(
    load: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int = 2,
    ahead: int = 4,
    size: Callable[[Item], int] = lambda _: 0,
    max_bytes: int = BYTES_AHEAD,
) -> Iterator[tuple[Item, Future[Result]]]:
    """Each of `items` in its order, with the future of its `load`, of which up to `ahead` run or wait in `workers`
    threads, and no more than have `max_bytes` by `size` together, the one that was given last among them.

    What `load` raises is raised by the future's ``result()``: one broken item does not end the others.
    """
    pool = ThreadPoolExecutor(max_workers=workers)
    pending: deque[tuple[Item, Future[Result]]] = deque()
    sizes: deque[int] = deque()
    try:
        for item in items:
            sizes.append(size(item))
            while pending and (len(pending) > ahead or sum(sizes) > max_bytes):
                yield pending.popleft()
                sizes.popleft()
            pending.append((item, pool.submit(load, item)))
        while pending:
            yield pending.popleft()
    except BaseException:  # also where the caller leaves early
        pool.shutdown(cancel_futures=True)
        raise
    # The last futures may be waited for after this generator has ended.
    pool.shutdown(wait=False)
