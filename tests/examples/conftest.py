"""Tests of what wants more packages than `make test` installs: `make test-extras` runs them."""

from importlib.util import find_spec

collect_ignore = []
if not (find_spec("fastapi") and find_spec("httpx") and find_spec("python_multipart")):
    collect_ignore += ["test_fastapi_service.py"]
if not (find_spec("nbclient") and find_spec("ipykernel")):
    collect_ignore += ["test_notebook.py"]
