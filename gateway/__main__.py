"""The way in and out of the commands. Exit codes: 0 fine, 1 problems found, 2 could not run."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from cyclopts import CycloptsError

from gateway.app import leave
from gateway.commands import app
from gateway.commands.screen import COULD_NOT_RUN, FINE, Screen
from gateway.config.problem import ConfigError


def run(arguments: Sequence[str]) -> int:
    """One command line. Whatever happens, the exit code says which of the three it was, and nobody is shown a traceback."""
    screen = Screen("--json" in arguments)
    try:
        code = app(list(arguments), exit_on_error=False, print_error=True)
    except CycloptsError:
        return COULD_NOT_RUN
    except ConfigError as error:
        return screen.problems(error.problems)
    except KeyboardInterrupt:
        return COULD_NOT_RUN
    except OSError as error:
        return screen.failed(f"{error.filename or 'the system'}: {error.strerror or error}")
    except Exception as error:
        return screen.failed(_fault(error))
    return code if isinstance(code, int) else FINE


def _fault(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(place.filename).name}:{place.lineno}"
    return f"the gateway failed by a fault of its own: {type(error).__name__} at {where}; please report it with this line"


def main() -> None:
    """The console script. The process ends without finalising the interpreter: the HTTP client's threads may outlive it."""
    leave(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
