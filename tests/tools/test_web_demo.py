"""The command line of the web page; the page itself is tested in a browser."""

import pytest

from ssh_tools.web_demo import parse_arguments


@pytest.mark.parametrize("threshold", ["0", "0.049"])
def test_a_threshold_that_the_page_does_not_offer_is_refused(threshold, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_arguments(["--threshold", threshold])
    assert ended.value.code == 2
    assert "from 0.05 up" in capsys.readouterr().err


def test_the_lowest_threshold_is_taken():
    assert parse_arguments(["--threshold", "0.05"]).threshold == 0.05
