"""An HTTP server on this machine for the tests of downloads: it knows ranges, and can break off, change and refuse."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Shelf:
    """What the server has, and how it behaves.

    Attributes:
        files: path to content.
        break_after: bytes after which each answer is broken off, or None.
        ranges: whether it knows ranges.
        version: the ETag it sends, or None.
        status: an error that it answers everything with, or None.
        length: whether it says how long a file is; or what it says.
        extra: what it sends behind the end of a file that it was asked for from the middle on.
        requests: (path, value of the Range header) of each request.
    """

    def __init__(self):
        self.files = {}
        self.break_after = None
        self.ranges = True
        self.version = '"one"'
        self.status = None
        self.length = True
        self.extra = b""
        self.requests = []
        self.url = ""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        shelf = self.server.shelf
        requested = self.headers.get("Range")
        shelf.requests.append((self.path, requested))
        content = shelf.files.get(self.path)
        if shelf.status or content is None:
            self.send_error(shelf.status or 404)
            return
        start = 0
        if requested and shelf.ranges and self.headers.get("If-Range") in {None, shelf.version}:
            start = int(requested.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if shelf.version:
            self.send_header("ETag", shelf.version)
        rest = content[start:]
        if start:
            rest += shelf.extra
        if shelf.length:
            self.send_header("Content-Length", shelf.length if isinstance(shelf.length, str) else str(len(rest)))
        self.end_headers()
        self.wfile.write(rest if shelf.break_after is None else rest[: shelf.break_after])

    def log_message(self, *_):
        pass


@contextmanager
def serve():
    """A running server's `Shelf`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.shelf = Shelf()
    server.shelf.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.shelf
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
