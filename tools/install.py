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
PYTHON = os.path.join(VENV, "bin", "python")
LOG = os.path.join(VENV, "pip.log")
# pip's settings, from its files and from PIP_... in the environment, and uv's names for them
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_EXTRA_INDEX_URL",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
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
    "Failed to fetch",
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
    """One line about why pip failed, with the remedy, from the text of its log, pip's or uv's."""
    last = log.rsplit("\n$ ", 1)[-1]
    missing = re.search(r"No matching distribution found for (\S+)|there is no version of (\S+)", last)
    if "No space left on device" in last:
        return "The disk is full: free about 3 GB, then run make again. (pip's log: %s)" % LOG
    if any(sign in last for sign in NETWORK_SIGNS):
        return NO_NETWORK
    if missing:
        return (
            "%s has no build for Python %d.%d on this machine in pip's package index. Try another Python: "
            "make clean, then make PYTHON=python3.12 ...; or another index: PIP_INDEX_URL. (pip's log: %s)"
            % (missing.group(missing.lastindex), sys.version_info[0], sys.version_info[1], LOG)
        )
    return "pip failed: the last lines of its log, %s, say why. Mend that, then run make again." % LOG


def run_module(*arguments):
    """Run a module of .venv, pip or uv, with its output in the log; returns whether it succeeded."""
    command = [PYTHON, "-m"] + list(arguments)
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


def uv_environment(listed):
    """What uv, which does not read pip's settings, is to know of them, from the text of ``pip config list``."""
    kept = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # as pip: the best version of all indexes
    for key, value in re.findall(r"^\S+\.([a-z-]+)='(.*)'$", listed, re.MULTILINE):
        if key in UV_NAMES:
            words = value.split()
            kept[UV_NAMES[key]] = ",".join(words) if key == "find-links" else " ".join(words)
    return kept


def step(*arguments):
    """One run of pip or uv; ends the process with one line if it fails."""
    if not run_module(*arguments):
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

    # uv installs the others, several at once; without pip's minutes of retries it also says whether there is an index.
    step("pip", "--retries", "1", "--timeout", "20", "install", "-c", CONSTRAINTS, "uv")
    environment = uv_environment(subprocess.check_output([PYTHON, "-m", "pip", "config", "list"]).decode())

    # On Linux, PyPI's torch brings gigabytes of CUDA that a book does not need.
    if sys.platform.startswith("linux") and answers(CPU_INDEX + "/torch/"):
        environment["UV_EXTRA_INDEX_URL"] = " ".join([CPU_INDEX, environment.get("UV_EXTRA_INDEX_URL", "")]).strip()

    print("Installing the packages into %s: a minute or two (log: %s) ..." % (VENV, LOG))
    os.environ.update(environment)
    step("uv", "pip", "install", "--python", PYTHON, "-c", CONSTRAINTS, "--editable", ".[book,test]")
    print("Installed.")


if __name__ == "__main__":
    sys.stdout = os.fdopen(sys.stdout.fileno(), "w", 1)
    problem = complaint()
    if problem:
        stop(problem)
    install()
