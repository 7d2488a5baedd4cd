"""The root of all failures, and our own bugs."""

from __future__ import annotations

from traceback import clear_frames
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

    def settle(self) -> None:
        """Forget where it was raised, and with that all that the frames there held.

        It is to stand in the rows of an answer, which the garbage collector does not look through: from there it would lead
        back to that answer for ever.
        """
        self.__traceback__ = self.__cause__ = self.__context__ = None


class InternalError(GatewayError):
    """A bug of ours. Its text is a fixed sentence: the traceback goes to the log under the same error id."""

    def __init__(self, message: str = "The gateway failed to answer because of an error of its own.", **details: Any) -> None:
        super().__init__(message, **details)


def internal(bug: Exception) -> InternalError:
    """The answer's error for an exception nobody foresaw, which travels along for the log."""
    error = InternalError()
    error.__cause__ = bug
    return error


def settled(bug: Exception) -> Exception:
    """The same as `GatewayError.settle`, for what the log is still to tell: where it was raised stays, what was held there goes.

    The frame that calls this goes altogether, because what runs cannot be emptied.
    """
    each: BaseException | None = bug
    while each is not None:
        clear_frames(each.__traceback__)
        each = each.__context__
    return bug.with_traceback(bug.__traceback__ and bug.__traceback__.tb_next)
