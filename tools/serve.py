"""Serve the built book on this machine: python tools/serve.py [FOLDER]."""

import functools
import socket
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT = 8000


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files afresh each time, and reports only what goes wrong."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def taken(port: int) -> bool:
    """Whether something on this machine already answers at ``port``, on any of its addresses."""
    try:
        socket.create_connection(("localhost", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def open_server(folder: Path, port: int = PORT) -> ThreadingHTTPServer:
    """A server for ``folder`` on 127.0.0.1, at ``port`` or, if that is taken, at the next free one."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    for candidate in range(port, port + 20):
        if taken(candidate):
            continue
        try:
            return ThreadingHTTPServer(("127.0.0.1", candidate), handler)
        except OSError:
            continue
    return ThreadingHTTPServer(("127.0.0.1", 0), handler)  # any port the system has free


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "_build/html")
    if not (folder / "index.html").exists():
        sys.exit(f"{folder} holds no built book: run 'make book' first.")
    server = open_server(folder)
    port = server.server_address[1]
    if port != PORT:
        print(f"Port {PORT} is taken by another program.")
    print(f"The book is at http://localhost:{port} (stop with Ctrl-C)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("\nStopped.")
    finally:
        server.server_close()


if __name__ == "__main__":
    main()
