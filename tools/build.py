"""Build the book into _build/html, with a line a chapter and the time left; Sphinx's own log is _build/build.log."""

import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

LOG = Path("_build/build.log")
# --all: Sphinx alone does not see that tpcore has changed. Computed results have caches of their own.
COMMAND = [Path(sys.executable).parent / "jupyter-book", "build", ".", "--all", "-W", "-n", "--keep-going"]
COLOR = re.compile(r"\x1b\[[\d;]*m")  # Jupyter Book colours Sphinx's lines in a pipe too
SAID = re.compile(r"executed (\S+) in|(writing output)\.\.\. \[")  # the first by book/execution.py


def progress(lines: Iterable[str], chapters: set[str], now: Iterable[float]) -> Iterator[str]:
    """What to say of Sphinx's lines: when a chapter is done, with the time left by the mean of those before it.

    `now` gives the time whenever it is asked, in seconds; chapters are those that are computed, and come first.
    """
    clock = iter(now)
    done, start, writing = 0, next(clock), False
    for line in lines:
        found = SAID.search(COLOR.sub("", line))
        if found and found[1] in chapters:
            done += 1
            left = (next(clock) - start) / done * (len(chapters) - done)
            yield f"{found[1]} ({done} of {len(chapters)}{f', {in_words(left)} left' if left else ''})"
        elif found and found[2] and not writing:
            writing = True
            yield "writing the pages"


def in_words(seconds: float) -> str:
    """A duration as a reader needs it: to 10 seconds, and from 100 seconds on to a minute."""
    return f"about {round(seconds, -1):.0f} s" if seconds < 100 else f"about {seconds / 60:.0f} min"


def now() -> Iterator[float]:
    while True:
        yield time.monotonic()


def main() -> None:
    chapters = set(re.findall(r"\bnotebooks/[\w-]+", Path("_toc.yml").read_text("utf-8")))
    LOG.parent.mkdir(exist_ok=True)
    print(f"Building the book: {len(chapters)} chapters (log: {LOG})", flush=True)
    with LOG.open("w", encoding="utf-8") as log:
        sphinx = subprocess.Popen(
            COMMAND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace"
        )

        def kept() -> Iterator[str]:
            for line in sphinx.stdout or ():
                log.write(line)
                yield line

        for said in progress(kept(), chapters, now()):
            print(said, flush=True)
        sphinx.wait()
    if sphinx.returncode:
        print(LOG.read_text("utf-8"), file=sys.stderr)
        sys.exit(f"The book was not built: the log above says why ({LOG}).")


if __name__ == "__main__":
    main()
