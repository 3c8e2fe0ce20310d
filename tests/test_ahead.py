"""A thread that works ahead: order, bounds, errors, and an end that can be relied on."""

from __future__ import annotations

import threading
import time
from itertools import count

import pytest
from waiting import PATIENCE_S, wait_for

from kinetrace._ahead import Ahead


def ahead(items, **options):
    return Ahead(iter(items), name="test", **{"nbytes": lambda _item: 1, **options})


def test_everything_comes_in_order():
    with ahead(range(1000)) as items:
        assert list(items) == list(range(1000))


def test_an_error_comes_behind_the_items_before_it():
    def failing():
        yield 1
        yield 2
        raise LookupError("the third")

    got = []
    with ahead(failing()) as items, pytest.raises(LookupError, match="the third"):
        got.extend(items)
        pytest.fail("no error came")
    items = ahead(failing())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(LookupError):
        next(items)
    with pytest.raises(StopIteration):
        next(items)


@pytest.mark.parametrize(
    ("options", "most"),
    [({"most": 3}, 3), ({"most": 100, "nbytes": lambda _item: 30 * 2**20}, 2)],
)
def test_it_is_never_further_ahead_than_it_may(options, most):
    made = []

    def endless():
        for number in count():
            made.append(number)
            yield number

    with ahead(endless(), **options) as items:
        for taken in range(20):
            # One more is in the hand of the thread, which waits to put it down.
            wait_for(lambda taken=taken: len(made) == taken + most + 1, "the thread to wait")
            time.sleep(0.002)
            assert len(made) == taken + most + 1
            assert next(items) == taken


def test_an_item_larger_than_the_budget_gets_through():
    with ahead(range(3), nbytes=lambda _item: 2**40) as items:
        assert list(items) == [0, 1, 2]


def test_closing_ends_the_thread_and_the_iterator():
    ended = threading.Event()

    def endless():
        try:
            yield from count()
        finally:
            ended.set()

    items = ahead(endless())
    next(items)
    items.close()
    items.close()
    assert ended.is_set()
    assert "kinetrace-test" not in [thread.name for thread in threading.enumerate()]


def test_stages_work_at_the_same_time():
    """Two stages that wait for each other can only go on if both are at work at once."""
    meet = threading.Barrier(2, timeout=PATIENCE_S)

    def first():
        for number in range(3):
            yield number
            meet.wait()

    with ahead(first()) as items:
        for number in range(3):
            assert next(items) == number
            meet.wait()
