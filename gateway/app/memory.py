"""What lives as long as the process is no business of the garbage collector."""

from __future__ import annotations

import gc

THRESHOLDS = 2_000, 10, 10
"""A request makes and lets go of hundreds of objects, nearly none of them in a circle: to look for circles after every 700, as
Python does by itself, costs two per cent of the processor. Far more, and the circles that errors leave pile up."""


def settle() -> None:
    """Look at everything once, now, and at what is left never again: schemas and plans are some hundred thousand objects, and
    walking them in the middle of traffic stops every request for as long as a tenth of a second, or several. To be called when
    a schema has been taken in; what the one before leaves behind is collected here."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
