"""The tests of bulk runs are run where the extra is installed (`make test-extras`)."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("ray") else ["test_*.py"]
