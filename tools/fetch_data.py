"""Download data sets and initial weights from their official places, and unpack them below data/.

An interrupted download is resumed when the command is run again. The data have their own terms: WIDER FACE and FDDB are
for research.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from ssh_tf.datasets.archives import ARCHIVES, GROUPS, Archive
from ssh_tf.utils.arguments import ToolParser, positive
from ssh_tf.utils.download import DamagedArchive, Report, download, extract
from ssh_tf.utils.errors import DataError, run_tool


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    groups = "; ".join(f"{group} = {' '.join(names)}" for group, names in GROUPS.items())
    parser = ToolParser(__doc__, epilog=f"Groups: {groups}.")
    parser.add_argument("name", nargs="*", metavar="NAME", help=f"an archive ({', '.join(ARCHIVES)}) or a group")
    parser.add_argument(
        "--list", action="store_true", help="show every archive, where it is from and how it is checked"
    )
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR", help="default: %(default)s")
    parser.add_argument("--mirror", metavar="URL", help="take the files from URL/<file> instead")
    parser.add_argument("--keep", action="store_true", help="keep the archives after unpacking")
    parser.add_argument("--again", action="store_true", help="fetch archives again that were fetched before")
    parser.add_argument(
        "--attempts", type=positive, default=5, help="tries without progress before giving up (default: 5)"
    )
    arguments = parser.parse_args(argv)
    if not arguments.name and not arguments.list:
        parser.error("name what to fetch, or use --list")
    if unknown := [name for name in arguments.name if name not in {*ARCHIVES, *GROUPS}]:
        parser.error(f"no archive or group {', '.join(unknown)}; there are {', '.join([*ARCHIVES, *GROUPS])}")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch each archive; 1 if some could not be had."""
    arguments = parse_arguments(argv)
    if arguments.list:
        print("\n".join(described(name, archive) for name, archive in ARCHIVES.items()))
        return 0
    names = dict.fromkeys(name for given in arguments.name for name in GROUPS.get(given, (given,)))
    failed = 0
    for name in names:
        try:
            print(fetch_archive(name, arguments))
        except DataError as error:
            failed += 1
            print(f"error: {name}: {error}", file=sys.stderr)
    return 1 if failed else 0


def described(name: str, archive: Archive) -> str:
    """One line of --list."""
    known = [f"{kind} {value}" for kind, value in archive.check._asdict().items() if value]
    places = " or ".join(archive.urls)
    return f"{name:<12} {places}  ->  {archive.folder}/  ({', '.join(known) or 'no published checksum'})"


def fetch_archive(name: str, arguments: argparse.Namespace) -> str:
    """Download, check and unpack one archive; what was done in a line.

    Raises:
        DataError: it cannot be had from any of its places, or is not what it should be.
    """
    archive = ARCHIVES[name]
    path = arguments.data / "archives" / archive.file
    done = path.with_name(f"{archive.file}.unpacked")
    folder = arguments.data / archive.folder
    if done.exists() and not arguments.again:
        return f"{name}: unpacked before into {folder} (--again fetches it again)"
    if not path.exists() or arguments.again:
        urls = (f"{arguments.mirror.rstrip('/')}/{archive.file}",) if arguments.mirror else archive.urls
        fetch_from_any(urls, path, archive, arguments.attempts)
    # Were this killed half way, the mark of an earlier run would say that all is there.
    done.unlink(missing_ok=True)
    try:
        count = extract(path, folder, archive.strip)
    except DamagedArchive as error:
        # Kept, it would be found again and again.
        path.unlink()
        raise DataError(f"{error}; it was deleted, run again to fetch it") from error
    done.touch()
    if not arguments.keep:
        path.unlink()
    return f"{name}: {count} files in {folder}"


def fetch_from_any(urls: Sequence[str], path: Path, archive: Archive, attempts: int) -> None:
    """Download from the first of `urls` that works."""
    errors = []
    for url in urls:
        try:
            with progress(archive.file) as report:
                download(url, path, archive.check, report, attempts=attempts)
            return
        except DataError as error:
            errors.append(str(error))
    raise DataError("; ".join(errors))


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """A progress bar on a terminal."""
    with tqdm(desc=title, unit="B", unit_scale=True, unit_divisor=1024, disable=not sys.stderr.isatty()) as bar:

        def report(present: int, total: int | None) -> None:
            bar.total = total
            bar.update(present - bar.n)

        yield report


def entry() -> None:
    """The command `ssh-fetch-data`."""
    run_tool(main)


if __name__ == "__main__":
    entry()
