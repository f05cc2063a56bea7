"""The port's tools. Those that compute in MindSpore are tested where it is installed."""

from importlib.util import find_spec

collect_ignore = (
    []
    if find_spec("mindspore")
    else ["test_benchmark.py", "test_convert.py", "test_detect.py", "test_export.py", "test_train.py"]
)

if find_spec("mindspore"):
    # Before TensorFlow: both have protobuf messages of one name.
    import ssh_ms.framework  # noqa: F401
