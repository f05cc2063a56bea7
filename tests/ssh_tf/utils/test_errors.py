"""How a tool ends: one line on standard error and an exit code, whatever went wrong for the user."""

import errno
import os
import subprocess
import sys

import pytest

from ssh_tf.utils.errors import DataError, first_line, run_tool


def ending(error, capsys):
    """Exit code and standard error of a tool whose main raises `error`, or returns it if it is a number."""

    def main(_):
        if isinstance(error, int):
            return error
        raise error

    with pytest.raises(SystemExit) as end:
        run_tool(main)
    return end.value.code, capsys.readouterr().err


@pytest.mark.parametrize("code", [0, 1])
def test_the_tools_own_code_is_kept(code, capsys):
    assert ending(code, capsys) == (code, "")


def test_what_a_user_can_mend_is_one_line(capsys):
    assert ending(DataError("train.txt:3: a box\nhas three numbers"), capsys) == (
        2,
        "error: train.txt:3: a box has three numbers\n",
    )


def test_a_place_that_cannot_be_written_is_named(capsys):
    code, text = ending(PermissionError(errno.EACCES, "Permission denied", "/proc/x.json"), capsys)
    assert code == 2
    assert text.startswith("error: /proc/x.json: Permission denied")
    assert text.count("\n") == 1


def test_an_interruption_is_no_error_of_ours(capsys):
    assert ending(KeyboardInterrupt(), capsys) == (130, "interrupted\n")


def test_faults_of_the_program_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run_tool(lambda _: 1 // 0)


PRINTING = {
    "help": "ToolParser('a tool').parse_args(['--help'])",
    "version": "ToolParser('a tool').parse_args(['--version'])",
    "a result": "print('x') or 0",
    "a long result": "print('x' * 100000) or 0",
    "a result that is written at once": "print('x', flush=True) or 0",
    "a result before an error": "print('x') or 1",
}


def printed_to(output, program, *options):
    """Exit code and standard error of a process whose main is `program`."""
    program = (
        "from ssh_tf.utils.arguments import ToolParser; from ssh_tf.utils.errors import run_tool;"
        f"run_tool(lambda _: {program})"
    )
    command = [sys.executable, *options, "-c", program]
    ended = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("program", PRINTING.values(), ids=PRINTING)
@pytest.mark.parametrize("options", [(), ("-u",)], ids=["buffered", "unbuffered"])
def test_output_that_cannot_be_written_is_named(program, options):
    with open("/dev/full", "w") as full:
        ended = printed_to(full, program, *options)
    assert ended == (2, "error: standard output: No space left on device; make room there\n")


@pytest.mark.parametrize("program", PRINTING.values(), ids=PRINTING)
def test_a_reader_that_has_gone_ends_it_in_silence(program):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        assert printed_to(pipe, program) == (1, "")


def test_names_that_the_terminal_cannot_show_are_escaped(monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    program = "from ssh_tf.utils.errors import run_tool; run_tool(lambda _: print('é', chr(0xDCFF)) or 0)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (0, [b"\\xe9", b"\\udcff"], b"")


def test_a_folder_that_is_gone_is_said(tmp_path, monkeypatch, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    line = "error: the folder that this was started in is gone; change to another one\n"
    assert ending(0, capsys) == (2, line)


def test_errors_that_cannot_be_written_are_in_the_exit_code():
    program = "from ssh_tf.utils.arguments import ToolParser; from ssh_tf.utils.errors import run_tool;"
    with open("/dev/full", "w") as full:
        for main in ("ToolParser('a tool').parse_args(['x'])", "[].append(open('/no/such'))"):
            assert (
                subprocess.run([sys.executable, "-c", f"{program}run_tool(lambda _: {main})"], stderr=full).returncode
                == 2
            )


def test_a_message_is_one_line_that_can_be_shown():
    assert str(DataError("a\n  b\x1b[31m\udc80")) == "a b\\x1b[31m\\udc80"
    assert len(str(DataError("x" * 10**6))) < 2100


@pytest.mark.parametrize(
    "message",
    [
        "no room\nStack trace:\n a\n b",
        "no room\n\t [[{{node save/SaveV2}}]]",
        "2 root error(s) found.\n  Detected at node 'a'\nNode: 'a'\nno room\n\t [[{{node a}}]]\n more",
        "\n no room",
    ],
)
def test_the_line_of_a_library_that_says_what_is_wrong(message):
    assert first_line(ValueError(message)) == "no room"


def test_too_little_memory_is_one_line(capsys):
    assert ending(MemoryError(), capsys) == (
        2,
        "error: not enough memory for what was asked for; ask for less of it at a time\n",
    )


def test_a_folder_that_is_to_be_a_file(capsys):
    assert ending(IsADirectoryError(21, "Is a directory", "a"), capsys) == (
        2,
        "error: a: Is a directory; name a file\n",
    )
