"""Spans of work: what is inside is taken out, threads are told apart, and nobody pays for it."""

from __future__ import annotations

import threading
import time

import pytest

from kinetrace.timing import record, span, spanned


def spend(seconds):
    """Keep the clock waiting for at least so long."""
    time.sleep(seconds)


def test_a_span_inside_another_is_taken_out_of_it():
    with record() as timings:
        began_s = time.perf_counter()
        with span("outer"):
            spend(0.02)
            for _ in range(3):
                with span("inner"):
                    spend(0.02)
        took_s = time.perf_counter() - began_s
    assert set(timings.seconds) == {"outer", "outer/inner"}
    assert timings.counts == {"outer": 1, "outer/inner": 3}
    assert timings.seconds["outer/inner"] >= 0.06
    assert timings.seconds["outer"] >= 0.02
    # Together they are what the clock shows: nothing is counted twice.
    assert sum(timings.seconds.values()) <= took_s


def test_threads_do_not_nest_in_one_another():
    with record() as timings, span("here"):
        thread = threading.Thread(target=lambda: list(spanned("there", iter(range(3)))))
        thread.start()
        thread.join()
    assert timings.counts == {"here": 1, "there": 4}  # the fourth finds the end


def test_an_error_ends_its_span():
    with record() as timings:
        with pytest.raises(LookupError), span("fails"):
            raise LookupError
        with span("next"):
            pass
    assert set(timings.seconds) == {"fails", "next"}


def test_nothing_is_counted_while_nobody_looks():
    with record() as timings:
        pass
    with span("unseen"):
        pass
    assert timings.seconds == {}


def test_one_looks_at_a_time():
    with record(), pytest.raises(RuntimeError, match="already"), record():
        pass
    with record() as again, span("seen"):
        pass
    assert list(again.seconds) == ["seen"]


def test_an_iterator_is_passed_through_and_closed():
    closed = []

    def numbers():
        try:
            yield from range(10)
        finally:
            closed.append(True)

    items = spanned("read", numbers())
    assert [next(items), next(items)] == [0, 1]
    items.close()
    assert closed == [True]
