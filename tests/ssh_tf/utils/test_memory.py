"""The memory of a process: grows with what it takes, stays when that is given back, and is its own."""

import subprocess
import sys

import numpy as np

from ssh_tf.utils.memory import resident_peak

MEGABYTE = 2**20


def test_peak_of_this_process():
    before = resident_peak()
    taken = np.ones(before + 64 * MEGABYTE, np.uint8)
    after = resident_peak()
    assert after >= before + 64 * MEGABYTE
    assert taken.all()
    del taken
    # Linux counts in batches of a few pages.
    assert resident_peak() > after - MEGABYTE


def test_a_new_process_begins_anew():
    taken = np.ones(512 * MEGABYTE, np.uint8)
    program = "from ssh_tf.utils.memory import resident_peak; print(resident_peak())"
    of_another = int(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout)
    assert taken.all()
    assert MEGABYTE < of_another < 256 * MEGABYTE
