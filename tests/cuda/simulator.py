"""A scheduler for numba's CUDA simulator: threads of a block run one after another, each until its next barrier.

The simulator's own lets all of them run at once and asks each, without pause, whether it has come to the barrier; with
Python's one thread at a time that takes milliseconds for each barrier.  Here a thread that comes to one hands over to
the next.
"""

import threading

import numpy as np
from numba.cuda.simulator import kernel


class Thread(kernel.BlockThread):
    """Runs when `go` is released, and releases `back` when it comes to a barrier or its end."""

    def __init__(self, function, manager, block, index):
        super().__init__(function, manager, block, index, False)
        self.go, self.back, self.done = threading.Semaphore(0), threading.Semaphore(0), False

    def run(self):
        self.go.acquire()
        if not self.abort:
            with np.errstate(all="ignore"):  # a device does not warn
                super().run()
        self.done = True
        self.back.release()

    def syncthreads(self):
        self.back.release()
        self.go.acquire()
        if self.abort:
            raise RuntimeError("another thread of the block failed")

    def step(self):
        self.go.release()
        self.back.acquire()


def run(manager, grid_point, *args):
    """In place of BlockManager.run."""
    def body():
        manager._f(*args)

    threads = [Thread(body, manager, grid_point, index) for index in np.ndindex(*manager._block_dim)]
    if len(threads) == 1:
        return alone(threads[0], body)
    for thread in threads:
        thread.start()
    live = threads
    while live:
        for thread in live:
            thread.step()
            if thread.exception:
                for other in threads:
                    other.abort = True
                    other.go.release()
                raise thread.exception[0].with_traceback(thread.exception[1])
        waiting = [thread for thread in live if not thread.done]
        # a barrier that only some threads of a block come to is a hang on the device
        assert not waiting or len(waiting) == len(live), "some threads ended where others wait for them"
        live = waiting


def alone(thread, body):
    """A block of one thread needs no other: it runs in this one."""
    here = threading.current_thread()
    here.threadIdx, here.blockIdx, here.thread_id = thread.threadIdx, thread.blockIdx, 0
    here.syncthreads = lambda: None
    with np.errstate(all="ignore"):
        body()


def install():
    kernel.BlockManager.run = run
