"""Which variable of SSH-TensorFlow is which parameter of the port: the table `map.csv`."""

import csv
import os

from ssh_tf.utils.errors import CheckpointError
from ssh_tf.utils.reading import read_text, reader

_COLUMNS = ["tensorflow", "mindspore"]


@reader("a CSV table of names", CheckpointError)
def read_name_table(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read the table at `path`: CSV with the header ``tensorflow,mindspore``. Returns {variable: parameter}.

    Raises:
        CheckpointError: it cannot be read, a line has not two names, or a name stands there twice.
    """
    header, *rows = list(csv.reader(read_text(path).splitlines())) or [[]]
    if header != _COLUMNS:
        raise CheckpointError(f"{path}:1: expected the header {','.join(_COLUMNS)}, got {','.join(header)!r}")
    names: dict[str, str] = {}
    parameters: set[str] = set()
    for number, row in enumerate(rows, 2):
        if len(row) != len(_COLUMNS) or not all(row):
            raise CheckpointError(f"{path}:{number}: expected a variable and a parameter, got {','.join(row)!r}")
        variable, parameter = row
        if variable in names or parameter in parameters:
            raise CheckpointError(f"{path}:{number}: {variable if variable in names else parameter} is mapped twice")
        names[variable] = parameter
        parameters.add(parameter)
    return names
