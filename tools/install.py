"""Make .venv and install into it what the book, the tests and the tools need.

``make`` runs this whenever pyproject.toml or constraints.txt has changed. Whatever the machine lacks is
said in one line with its remedy. Standard library only, and written so that an old Python can read it
far enough to say that it is too old.
"""

from __future__ import print_function

import os
import re
import subprocess
import sys

OLDEST_PYTHON = (3, 11)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
CONSTRAINTS = "constraints.txt"
VENV = ".venv"
LOG = os.path.join(VENV, "pip.log")
NO_NETWORK = (
    "No network: pip could not reach its package index. Connect, or set HTTPS_PROXY or "
    "PIP_INDEX_URL, then run make again. (pip's log: %s)" % LOG
)
NETWORK_SIGNS = (
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "NameResolutionError",
    "ProxyError",
    "SSLError",
    "ConnectionResetError",
    "ProtocolError",
    "No route to host",
    "Connection refused",
)


def lacks(module):
    """Whether ``module`` cannot be imported by the running Python."""
    try:
        __import__(module)
    except ImportError:
        return True
    return False


def complaint(version=sys.version_info, executable=sys.executable):
    """One line about what keeps this Python from making .venv, with the remedy; None if nothing does."""
    found = "%d.%d" % (version[0], version[1])
    if tuple(version[:2]) < OLDEST_PYTHON:
        return (
            "Python 3.11 or newer is needed, but this is %s (%s). Install one from "
            "https://www.python.org/downloads/ or with your package manager, or name it: "
            "make PYTHON=/path/to/python3.12 ..." % (found, executable)
        )
    if lacks("venv") or lacks("ensurepip"):
        return (
            "This Python (%s) has no venv module. On Debian or Ubuntu: sudo apt-get install "
            "python%s-venv, then run make again." % (executable, found)
        )
    return None


def pip_failure(log):
    """One line about why pip failed, with the remedy, from the text of its log."""
    last = log.rsplit("\n$ ", 1)[-1]
    missing = re.search(r"No matching distribution found for (\S+)", last)
    if "No space left on device" in last:
        return "The disk is full: free about 3 GB, then run make again. (pip's log: %s)" % LOG
    if any(sign in last for sign in NETWORK_SIGNS):
        return NO_NETWORK
    if missing:
        return (
            "%s has no build for Python %d.%d on this machine in pip's package index. Try another Python: "
            "make clean, then make PYTHON=python3.12 ...; or another index: PIP_INDEX_URL. (pip's log: %s)"
            % (missing.group(1), sys.version_info[0], sys.version_info[1], LOG)
        )
    return "pip failed: the last lines of its log, %s, say why. Mend that, then run make again." % LOG


def pip(*arguments):
    """Run .venv's pip with its output in the log; returns whether it succeeded."""
    command = [os.path.join(VENV, "bin", "python"), "-m", "pip"] + list(arguments)
    with open(LOG, "a") as log:
        log.write("\n$ %s\n" % " ".join(command))
        log.flush()
        return subprocess.call(command, stdout=log, stderr=subprocess.STDOUT) == 0


def answers(url):
    """Whether ``url`` answers within a few seconds."""
    from urllib.request import urlopen

    try:
        urlopen(url, timeout=5).close()
    except (OSError, ValueError):
        return False
    return True


def stop(message):
    print("make: " + message, file=sys.stderr)
    sys.exit(1)


def step(*arguments):
    """One run of pip; ends the process with one line if it fails."""
    if not pip(*arguments):
        with open(LOG, errors="replace") as file:
            log = file.read()
        if os.environ.get("CI"):  # nobody can open the log there
            print("\n".join(log.splitlines()[-30:]), file=sys.stderr)
        stop(pip_failure(log))


def install():
    """The whole installation; ends the process with one line if a step fails."""

    if subprocess.call([sys.executable, "-m", "venv", VENV]) != 0:
        stop("Python could not make %s: the lines above say why. 'make clean' removes a broken one." % VENV)
    open(LOG, "w").close()

    # One small package, without pip's minutes of retries: is there an index to install from?
    quick = ["--retries", "1", "--timeout", "20", "install", "--dry-run", "--ignore-installed"]
    quick += ["--no-deps", "-c", CONSTRAINTS, "tqdm"]
    step(*quick)

    # On Linux, PyPI's torch brings gigabytes of CUDA that a book does not need.
    if sys.platform.startswith("linux") and answers(CPU_INDEX + "/torch/"):
        print("Installing torch for the CPU into %s ..." % VENV)
        step("install", "-c", CONSTRAINTS, "--extra-index-url", CPU_INDEX, "torch")

    print("Installing the packages into %s: a few minutes (log: %s) ..." % (VENV, LOG))
    step("install", "-c", CONSTRAINTS, "--editable", ".[book,test]")
    print("Installed.")


if __name__ == "__main__":
    sys.stdout = os.fdopen(sys.stdout.fileno(), "w", 1)
    problem = complaint()
    if problem:
        stop(problem)
    install()
