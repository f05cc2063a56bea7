"""Work done ahead in threads, in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def prefetched(
    load: Callable[[Item], Result], items: Iterable[Item], workers: int = 2, ahead: int = 4
) -> Iterator[tuple[Item, Future[Result]]]:
    """Each of `items` in its order, with the future of its `load`, of which up to `ahead` run or wait in `workers`
    threads.

    What `load` raises is raised by the future's ``result()``: one broken item does not end the others.
    """
    pool = ThreadPoolExecutor(max_workers=workers)
    pending: deque[tuple[Item, Future[Result]]] = deque()
    try:
        for item in items:
            pending.append((item, pool.submit(load, item)))
            if len(pending) > ahead:
                yield pending.popleft()
        while pending:
            yield pending.popleft()
    except BaseException:  # also where the caller leaves early
        pool.shutdown(cancel_futures=True)
        raise
    # The last futures may be waited for after this generator has ended.
    pool.shutdown(wait=False)
