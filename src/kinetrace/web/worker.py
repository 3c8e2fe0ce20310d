"""The inside of a worker process: one order, what is told meanwhile, and the end.

The process ends when whoever started it does, or kills it. Nothing of an order is in the server's
own process: what people upload may crash, hang or eat memory here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, TypeAlias

from kinetrace.batch._messages import end, receive, send, take_pipes
from kinetrace.errors import KinetraceError
from kinetrace.web.orders import (
    Analyse,
    At,
    Begin,
    Broken,
    Correct,
    Ended,
    Make,
    Order,
    Probe,
    Refused,
    Told,
)

Tell: TypeAlias = Callable[[At], None]

_TELL_S = 0.1


def main() -> None:
    """Carry out the order that comes in on stdin."""
    orders, pipe = take_pipes()
    begin: Begin = receive(orders)
    threading.Thread(target=_end_with, args=(orders,), name="kinetrace-end", daemon=True).start()
    _keep_modest(begin.file_bytes)
    with contextlib.suppress(OSError):  # nobody listens any more
        send(pipe, _told(begin.order, _teller(pipe)))
        pipe.close()
    end()


def _end_with(orders: IO[bytes]) -> None:
    """End at once when the server does: the pipe closes then."""
    orders.read()
    os._exit(1)


def _keep_modest(file_bytes: int) -> None:
    """Let the page go first, and no file grow beyond what there is room for."""
    if hasattr(os, "nice"):
        os.nice(5)
    if sys.platform != "win32":
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails, and says why
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = file_bytes if most == resource.RLIM_INFINITY else min(file_bytes, most)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Where memory runs out, Linux ends this process and not the server.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _teller(pipe: IO[bytes]) -> Tell:
    last_s, last_phase = 0.0, ""

    def tell(at: At) -> None:
        nonlocal last_s, last_phase
        now_s = time.monotonic()
        if at.phase != last_phase or now_s - last_s >= _TELL_S:
            last_s, last_phase = now_s, at.phase
            with contextlib.suppress(OSError):
                send(pipe, at)

    return tell


def _told(order: Order, tell: Tell) -> Told:
    try:
        return Ended(carry_out(order, tell))
    except (KinetraceError, ValueError) as error:
        known = isinstance(error, KinetraceError)
        return Refused(str(error)) if known else Broken("".join(traceback.format_exception(error)))
    except MemoryError:
        return Refused("There was not enough memory for it: make the picture smaller.")
    except Exception as error:  # noqa: BLE001 - the server tells of it
        return Broken("".join(traceback.format_exception(error)))


def carry_out(order: Order, tell: Tell) -> Any:
    """Carry out an order in this process.

    Raises
    ------
    KinetraceError
        If it cannot be done.
    """
    if isinstance(order, Probe):
        from kinetrace.web.media import probe

        return probe(order.path, most_pixels=order.most_pixels, most_s=order.most_s)
    if isinstance(order, Analyse):
        from kinetrace.web.analysis import analyse

        return analyse(order, tell)
    if isinstance(order, Make):
        from kinetrace.web.making import make

        return make(order, tell)
    if isinstance(order, Correct):
        from kinetrace.web.results import correct

        return correct(order)
    from kinetrace.web.measuring import write_answer

    return write_answer(order)
