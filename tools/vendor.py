"""Fetch again what the pages carry from npm, book/assets/vendor: plotly.js and the fonts (needs npm).

plotly.js is bundled with the kinds of traces that the book's figures have, of the version that the Python package draws
with in a notebook; a test says when the two part. Its published bundle for cartesian figures takes far longer to start.
The fonts of text and code are a pair, as published for Latin letters. That of the formulas is reduced to the signs that
they are made of, since every page with a formula waits for it; a test says which sign it lacks. Building the book needs
neither npm nor the network: the files are in the repository.
"""

import io
import string
import subprocess
import tarfile
import tempfile
from pathlib import Path

from fontTools import subset
from plotly.offline import get_plotlyjs_version

FOLDER = Path("book/assets/vendor")
ESBUILD = "esbuild@0.28.1"
BUNDLE = "module.exports = require('plotly.js/lib/core'); module.exports.register([%s]);"
TRACES = ("scatter", "bar", "heatmap")
FORMULAS = "@fontsource/stix-two-math@5.3.0"
TEXT = {
    "@fontsource/atkinson-hyperlegible-next@5.3.0": ("400-normal", "400-italic", "600-normal"),
    "@fontsource/atkinson-hyperlegible-mono@5.3.0": ("400-normal",),
}
LETTERS = string.ascii_letters + string.digits + " ()+,-./:;<=>[]{}|!" + "αβγδεζηθικλμνξπρστφχψωϵΓΔΘΛΞΠΣΦΨΩ"
SIGNS = "ℓ∂∞∏∑√⊙⊘⊤≤≥≠≈≪≫∈→←↦‖⋅×±−′⋯ˆ˜¯̂̃̄\u2061\u2062\u2063"
ITALIC = [(0x1D434, 0x1D468), (0x210E, 0x210F), (0x1D6FC, 0x1D716)]


def npm(package: str, folder: str) -> dict[str, bytes]:
    """The files of a package as npm serves it."""
    command = ["npm", "pack", "--silent", "--pack-destination", folder, package]
    name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
    with tarfile.open(Path(folder, name)) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        return {member.name.removeprefix("package/"): archive.extractfile(member).read() for member in members}


def plotly(folder: str) -> dict[str, bytes]:
    """plotly.js as one script, and its licence."""
    version, home = get_plotlyjs_version(), Path(folder)
    quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev"]
    subprocess.run(["npm", "install", "--prefix", folder, *quiet, f"plotly.js@{version}", ESBUILD], check=True)
    (home / "entry.js").write_text(BUNDLE % ", ".join(f"require('plotly.js/lib/{kind}')" for kind in TRACES))
    banner = f"/* plotly.js v{version} ({', '.join(TRACES)}), Copyright Plotly, Inc., MIT license */"
    options = ["--bundle", "--minify", "--format=iife", "--global-name=Plotly", "--target=es2020", "--log-level=error"]
    options += ["--define:global=window", "--define:define.amd=false", "--loader:.css=empty", "--legal-comments=eof"]
    command = ["node_modules/.bin/esbuild", "entry.js", *options, f"--banner:js={banner}", "--outfile=plotly.js"]
    subprocess.run(command, check=True, cwd=folder)
    licence = (home / "node_modules" / "plotly.js" / "LICENSE").read_bytes()
    return {"plotly.min.js": (home / "plotly.js").read_bytes(), "plotly-LICENSE.txt": licence}


def reduced(font: bytes) -> bytes:
    """The font with no other signs than those of formulas."""
    options = subset.Options(flavor="woff", layout_features=["*"])
    loaded = subset.load_font(io.BytesIO(font), options)
    subsetter = subset.Subsetter(options)
    italic = {code for first, end in ITALIC for code in range(first, end)}
    subsetter.populate(unicodes=italic | {ord(sign) for sign in LETTERS + SIGNS})
    subsetter.subset(loaded)
    stream = io.BytesIO()
    subset.save_font(loaded, stream, options)
    return stream.getvalue()


def text_fonts(folder: str) -> dict[str, bytes]:
    """The fonts of text and code with their licences, by the names that they have here."""
    found = {}
    for package, faces in TEXT.items():
        name, files = package.split("/")[1].split("@")[0], npm(package, folder)
        found |= {f"{name}-{face}.woff": files[f"files/{name}-latin-{face}.woff"] for face in faces}
        found[f"{name}-LICENSE.txt"] = files["LICENSE"]
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = plotly(folder) | text_fonts(folder)
        formulas = npm(FORMULAS, folder)
    found |= {
        "stix-two-math.woff": reduced(formulas["files/stix-two-math-latin-400-normal.woff"]),
        "stix-two-math-LICENSE.txt": formulas["LICENSE"],
    }
    for name, content in sorted(found.items()):
        (FOLDER / name).write_bytes(content)
        print(f"{FOLDER / name}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
