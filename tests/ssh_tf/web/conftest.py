"""The tests of the web page are run where Gradio and selenium are installed (`make test-web`)."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("gradio") and find_spec("selenium") else ["test_page.py"]
