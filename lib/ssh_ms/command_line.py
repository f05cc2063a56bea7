"""Arguments that the port's tools have in common. Imports no framework, so that `--help` need not wait for one."""

import argparse

DEVICES = ("CPU", "GPU", "Ascend")
MODES = ("graph", "pynative")


def add_device_arguments(parser: argparse.ArgumentParser) -> None:
    """`--mode` and `--device_target`."""
    parser.add_argument("--mode", choices=MODES, default="graph", help="default: %(default)s")
    parser.add_argument("--device_target", choices=DEVICES, default="CPU", help="default: %(default)s")
