"""The memory of a process: grows with what it takes, stays when that is given back, and is its own."""

import json
import subprocess
import sys

import numpy as np

MEGABYTE = 2**20

# In a process of its own: what tests before have taken and given back is still in this one's peak.
PROGRAM = """
import json
import numpy as np
from ssh_tf.utils.memory import resident_peak
before = resident_peak()
taken = np.ones(before + 64 * 2**20, np.uint8)
after = resident_peak()
assert taken.all()
del taken
print(json.dumps([before, after, resident_peak()]))
"""


def peaks():
    return json.loads(subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True).stdout)


def test_peak_of_a_process():
    before, after, later = peaks()
    assert after >= before + 64 * MEGABYTE
    # Linux counts in batches of a few pages.
    assert later > after - MEGABYTE


def test_a_new_process_begins_anew():
    taken = np.ones(512 * MEGABYTE, np.uint8)
    before, *_ = peaks()
    assert taken.all()
    assert MEGABYTE < before < 256 * MEGABYTE
