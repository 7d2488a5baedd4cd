"""What the gateway tells others by itself: that a source's schema has changed, or that its answers no longer fit it.

Whoever has something to tell hands an `Event` to the `Emitter`, which gives it to every channel that wants it and never waits.
A channel delivers on its own time. Another kind of event is another maker of `Event`s; another way out is another `Channel`.
"""

from __future__ import annotations

from gateway.app.events.emitter import SILENT, Channel, Emitter
from gateway.app.events.event import DRIFT_DETECTED, SCHEMA_CHANGED, Event
from gateway.app.events.webhook import Webhook, webhooks

__all__ = ["DRIFT_DETECTED", "SCHEMA_CHANGED", "SILENT", "Channel", "Emitter", "Event", "Webhook", "webhooks"]
