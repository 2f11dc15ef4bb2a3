"""The book is served at port 8000, or clearly elsewhere."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import serve

ROOT = Path(__file__).parents[2]

# A test run in the background of a script passes on that Ctrl-C is ignored.
LISTENS_TO_CTRL_C = """
import runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<title>the book</title>")
    return tmp_path


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_taken_port_gives_another(book: Path, busy_port: int) -> None:
    with serve.open_server(book, busy_port) as server:
        host, port = server.server_address[:2]
        assert host == "127.0.0.1"
        assert port != busy_port
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert b"the book" in answer.read()
        server.shutdown()
        thread.join()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise on Windows")
def test_it_says_where_and_stops_cleanly(book: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENS_TO_CTRL_C, ROOT / "tools/serve.py", book],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout
    line = process.stdout.readline()
    if "taken" in line:  # something on this machine uses port 8000
        line = process.stdout.readline()
    address = re.search(r"http://localhost:\d+", line)
    assert address, line
    with urllib.request.urlopen(address[0]) as answer:
        assert b"the book" in answer.read()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in rest


def test_without_a_book_it_says_what_to_do(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, ROOT / "tools/serve.py", tmp_path], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "run 'make book' first" in result.stderr
