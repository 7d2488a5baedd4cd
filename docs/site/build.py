"""The site: a folder of pages for each release (tags `v*`) and one, `dev`, for what is checked out.

    python docs/site/build.py            # all of them, into dist/site
    python docs/site/build.py --dev      # only what is checked out

A release is built by its own `docs/site`, once: a folder that is there already is kept, so that a site which was published can be
put in place before. `versions.js` beside the folders tells each page of all of them, also those that came after it.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
RELEASE = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


def releases(tags: str) -> list[str]:
    """Those with a site, the newest first; pre-releases have none of their own."""
    found = [tag for tag in tags.split() if RELEASE.fullmatch(tag)]
    return sorted(found, key=lambda tag: tuple(map(int, tag[1:].split("."))), reverse=True)


def pages(source: Path, into: Path, version: str) -> None:
    shutil.rmtree(into, ignore_errors=True)
    with tempfile.TemporaryDirectory() as trees:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "sphinx",
                "-q",
                "-n",
                "-W",
                "--keep-going",
                "-E",
                "-d",
                trees,
                "-c",
                "docs/site",
                ".",
                str(into),
            ],
            cwd=source,
            env={**os.environ, "DOCS_VERSION": version},
            check=True,
        )
    shutil.copyfile(into / "README.html", into / "index.html")


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


def tagged(tag: str, into: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(git("archive", tag))) as archive:
            archive.extractall(folder, filter="data")
        if (Path(folder) / "docs" / "site" / "conf.py").exists():
            pages(Path(folder), into, tag)


def index(site: Path) -> list[str]:
    """What is there, the newest release first and `dev` last; the bare address leads to the first."""
    there = [tag for tag in [*releases(" ".join(path.name for path in site.iterdir())), "dev"] if (site / tag).is_dir()]
    (site / "versions.js").write_text(f"window.VERSIONS = {json.dumps(there)};\n")
    first = f"{there[0]}/index.html"
    leading = f'<meta http-equiv="refresh" content="0; url={first}">\n<a href="{first}">Signpost {there[0]}</a>'
    (site / "index.html").write_text(f'<!doctype html><meta charset="utf-8"><title>Signpost</title>{leading}\n')
    return there


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dev", action="store_true", help="only what is checked out")
    parser.add_argument("--into", type=Path, default=ROOT / "dist" / "site")
    asked = parser.parse_args()
    asked.into.mkdir(parents=True, exist_ok=True)
    for tag in [] if asked.dev else releases(git("tag", "--list").decode()):
        if not (asked.into / tag).is_dir():
            tagged(tag, asked.into / tag)
    pages(ROOT, asked.into / "dev", "dev")
    print(f"{asked.into}: {', '.join(index(asked.into))}")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failed:
        sys.exit(failed.returncode)  # it has said by itself what is wrong
