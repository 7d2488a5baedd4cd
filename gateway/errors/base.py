"""The root of all failures, and our own bugs."""

from __future__ import annotations

from typing import Any, ClassVar


class GatewayError(Exception):
    """Root of the tree. `details` are the extra members of `extensions` that this code promises."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"
    retryable: bool = False
    """By the class; a GraphQL error of an upstream says it by its own code."""

    def __init__(self, message: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class InternalError(GatewayError):
    """A bug of ours. Its text is a fixed sentence: the traceback goes to the log under the same error id."""

    def __init__(self, message: str = "The gateway failed to answer because of an error of its own.", **details: Any) -> None:
        super().__init__(message, **details)


def internal(bug: Exception) -> InternalError:
    """The answer's error for an exception nobody foresaw, which travels along for the log."""
    error = InternalError()
    error.__cause__ = bug
    return error
