"""What the command lines of several commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

Config = Annotated[Path, Parameter(help="The configuration: a YAML file, or a folder of them.")]
Profile = Annotated[
    str | None, Parameter(env_var="SIGNPOST_PROFILE", help="Which of its `profiles` is laid over the configuration.")
]
Operations = Annotated[Path | None, Parameter(help="A folder of .graphql files: what of the API they use, and their cost.")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]
Port = Annotated[int | None, Parameter(help="Listen on this port instead of the configured one; 0 takes a free one.")]
Where = Annotated[str | None, Parameter(help="Its admin address, unix:PATH or HOST:PORT; else the sockets in .signpost.")]
