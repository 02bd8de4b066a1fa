"""Ctrl-C and SIGTERM end what computes at once: not when it is done, and nothing more than it."""

import ctypes
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

LOCK = threading.RLock()  # a handler may come while its own thread holds it
COMPUTING: set[int] = set()  # the threads inside `interruptible`


class Interrupted(BaseException):
    """Ctrl-C inside `interruptible`; what is around it gets a KeyboardInterrupt.

    No KeyboardInterrupt itself: Lightning answers that by ending the process, and leaves Ctrl-C
    without effect.
    """


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, Ctrl-C ends the work at its next Python instruction.

    Without it the signal may go to an event loop, which looks at it when the work is done. Where
    Ctrl-C is ignored, as in a job in the background, it still is.

    Raises:
        KeyboardInterrupt: It was interrupted.

    Example:
        >>> before = signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal
        >>> try:
        ...     with interruptible():
        ...         signal.raise_signal(signal.SIGINT)
        ... except KeyboardInterrupt:
        ...     print("stopped")
        stopped
        >>> _ = signal.signal(signal.SIGINT, before)
    """
    thread = threading.get_ident()
    if thread in COMPUTING:
        yield
        return
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT) if is_main else None

    def leave() -> None:
        with LOCK:
            COMPUTING.discard(thread)
        if callable(before):
            signal.signal(signal.SIGINT, before)

    def answer(number: int, frame: FrameType | None) -> None:
        leave()  # a second one finds what was there before
        raise Interrupted

    try:
        with LOCK:
            COMPUTING.add(thread)
        if callable(before):
            signal.signal(signal.SIGINT, answer)
        try:
            yield
        finally:
            leave()
    except Interrupted:
        raise KeyboardInterrupt from None


def interrupt(thread: int) -> bool:
    """Interrupt the work of another thread, which gets no signals; False where it does none."""
    with LOCK:
        if thread not in COMPUTING:
            return False
        COMPUTING.discard(thread)
        raised = ctypes.py_object(Interrupted)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)
        return True


@contextmanager
def terminable() -> Iterator[list[int]]:
    """Inside, SIGTERM is answered as Ctrl-C is; the list gets its number when it comes."""
    came: list[int] = []

    def answer(number: int, frame: FrameType | None) -> None:
        came.append(number)
        like = signal.getsignal(signal.SIGINT)
        if not callable(like):  # in the background Ctrl-C is ignored; SIGTERM is not
            raise KeyboardInterrupt
        like(signal.SIGINT, frame)

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield came
        return
    signal.signal(signal.SIGTERM, answer)
    try:
        yield came
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
