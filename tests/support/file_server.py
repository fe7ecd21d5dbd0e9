"""A local web server with a few files and the faults of real ones."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class FileServer:
    """Files by name, how they are served, and the Range headers of the requests.

    Attributes:
        content: of every file that `files` does not name.
        ranges: whether a part of a file is sent where one is asked for.
        status: of every answer, if it is not 200.
        stop_after: bytes after which the connection is cut.
        etag: of all files; "" sends none.
    """

    content: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    status: int = 200
    stop_after: int | None = None
    etag: str = ""
    port: int = 0
    asked: list[str | None] = field(default_factory=list)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/models/{name}"

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        if self.status != 200:
            request.send_error(self.status)
            return
        body = self.files.get(request.path.rpartition("/")[2], self.content)
        unchanged = request.headers.get("If-Range", self.etag) == self.etag
        partial = wanted if self.ranges and unchanged else None
        if partial:
            first = int(partial.removeprefix("bytes=").rstrip("-"))
            if first >= len(body):
                request.send_error(416)
                return
            body = body[first:]
        request.send_response(206 if partial else 200)
        request.send_header("Content-Length", str(len(body)))
        if self.etag:
            request.send_header("ETag", self.etag)
        request.end_headers()
        request.wfile.write(body[: self.stop_after])


@contextmanager
def serving(served: FileServer) -> Iterator[None]:
    """Answer requests during a `with` block."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
