"""The outermost layer of a source that requires something of its callers: who has it not, gets nothing of it, kept or fresh."""

from __future__ import annotations

from gateway.errors import not_allowed
from gateway.upstream.call import Call, Layer, Reply, Send
from gateway.upstream.caller import Requirement


def access(requirement: Requirement) -> Layer:
    def layer(send: Send) -> Send:
        async def permitted(call: Call) -> Reply:
            caller = call.request.caller
            if not requirement.met_by(caller):
                raise not_allowed(known=caller is not None)
            return await send(call)

        return permitted

    return layer
