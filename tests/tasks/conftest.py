"""A data folder of each test's own, and nothing cached between tests."""

import pytest

from tpcore.tasks import images, pixels, text


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """The folder that TPCORE_DATA names; downloads go to another one."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("TPCORE_DATA", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    forget()
    yield folder
    forget()


def forget():
    for cached in (images.load_images, pixels._split, pixels._moments, text.load_text, text._characters, text._words):
        cached.cache_clear()
