"""The reader's own folder, then the download: from a real server on this machine, which breaks off and resumes."""

import hashlib
import re
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from tpcore.tasks.files import DataError, DataFile, find, own_folder

CONTENT = bytes(range(256)) * 2000
NOTHING_LISTENS = "http://127.0.0.1:9/"


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT; `cut_at` breaks the first answer off there. Honours Range unless told not to."""

    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range")
        server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.honours_range else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        stop, server.cut_at = server.cut_at or len(CONTENT), None
        self.wfile.write(CONTENT[start:stop])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.ranges, server.cut_at, server.honours_range = [], None, True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def file(server, data_folder):
    url = f"http://127.0.0.1:{server.server_address[1]}/numbers.bin"
    return DataFile("numbers", "numbers.bin.gz", url, hashlib.md5(CONTENT).hexdigest())


@pytest.mark.parametrize("name", ["numbers.bin", "numbers.bin.gz"])
def test_the_reader_s_own_folder_comes_first(file, server, data_folder, name):
    (data_folder / "numbers").mkdir()
    (data_folder / "numbers" / name).write_bytes(b"mine")
    assert find(file) == data_folder / "numbers" / name
    assert server.ranges == []


def test_a_download_is_kept(file, server):
    path = find(file)
    assert path.read_bytes() == CONTENT
    assert find(file) == path and len(server.ranges) == 1


@pytest.mark.parametrize("enforced", [True, False])
def test_a_download_that_broke_off_is_resumed(file, server, monkeypatch, enforced):
    def get(*arguments, get=requests.get, **options):
        response = get(*arguments, **options)
        response.raw.enforce_content_length = enforced  # by default urllib3 compares lengths from version 2 on
        return response

    monkeypatch.setattr(requests, "get", get)
    server.cut_at = 100_000
    with pytest.raises(DataError, match=r"numbers\.bin\.gz could not be downloaded from http://127") as error:
        find(file)
    assert re.search(r"The [\d,]+ bytes that came are kept in \S+numbers\.bin\.part: the next", str(error.value))
    assert find(file).read_bytes() == CONTENT
    (first, second) = server.ranges
    assert first is None and 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= 100_000


def test_a_server_that_cannot_resume_sends_all(file, server):
    server.cut_at, server.honours_range = 100_000, False
    with pytest.raises(DataError):
        find(file)
    assert find(file).read_bytes() == CONTENT


def test_a_part_of_something_longer_is_thrown_away(file, server):
    with pytest.raises(DataError):
        find(replace(file, url=NOTHING_LISTENS + "numbers.bin"))  # makes the folder
    from pooch import os_cache

    (os_cache("tpcore") / "numbers/numbers.bin.part").write_bytes(CONTENT + b"more")
    assert find(file).read_bytes() == CONTENT


def test_a_wrong_hash_is_refused_and_not_kept(file):
    wrong = replace(file, md5="0" * 32)
    for _ in range(2):
        with pytest.raises(DataError, match="hash") as error:
            find(wrong)
        assert file.url in str(error.value)
        assert all(shown in str(error.value) for shown in (wrong.md5, file.md5)), "the one expected and the one found"
    assert find(file).read_bytes() == CONTENT


def test_the_sha256_is_checked_where_it_is_known(file):
    with pytest.raises(DataError, match="SHA256 hash"):
        find(replace(file, sha256="0" * 64))
    assert find(replace(file, md5="0" * 32, sha256=hashlib.sha256(CONTENT).hexdigest())).read_bytes() == CONTENT


def test_a_kept_file_that_was_changed_is_fetched_again(file):
    path = find(file)
    path.write_bytes(b"changed")
    assert find(file).read_bytes() == CONTENT


def test_without_a_network_the_file_the_address_and_the_folder_are_named(data_folder):
    file = DataFile("mnist", "train.gz", NOTHING_LISTENS + "train.gz", "0" * 32)
    with pytest.raises(DataError) as error:
        find(file)
    for part in ("train.gz could not be downloaded", file.url, str(data_folder / "mnist"), "TPCORE_DATA"):
        assert part in str(error.value)


def test_without_a_folder_of_one_s_own_the_cache_is_named(data_folder, monkeypatch, tmp_path):
    monkeypatch.delenv("TPCORE_DATA")
    with pytest.raises(DataError, match=r"put it into .*mnist, or set TPCORE_DATA"):
        find(DataFile("mnist", "train.gz", NOTHING_LISTENS + "train.gz", "0" * 32))


def test_a_variable_that_names_no_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TPCORE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"TPCORE_DATA is .*nowhere', which is not a folder"):
        own_folder()
