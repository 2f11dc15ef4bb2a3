"""The module is put together from its files: all of them, once, without two of a name, and small."""

import gzip
import re
from collections import Counter

from tpcore.playground import module

NAMED = re.compile(r"^(?:async )?(?:function\*?|const|let|class) +(\w+)", re.MULTILINE)


def test_every_file_is_part_of_it() -> None:
    parts = Counter((*module.WORKER, *module.SCREEN, "page"))
    assert dict(parts) == dict.fromkeys((path.stem for path in module.FOLDER.glob("*.js")), 1)


def test_files_that_share_a_scope_share_no_name() -> None:
    """The later of two functions of one name would quietly take the other's place."""
    for files in (module.WORKER, (*module.SCREEN, "page")):
        names = Counter(NAMED.findall(module.joined(files)))
        assert len(names) > 20 and max(names.values()) == 1, names.most_common(3)


def test_it_is_small() -> None:
    assert len(gzip.compress((module.page_script() + module.style()).encode())) < 60_000


def test_it_asks_nobody_for_anything() -> None:
    assert not re.search(r"https?://|\bfetch\(|XMLHttpRequest|\bimport\(|importScripts", module.module())
