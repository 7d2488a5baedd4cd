"""Two readers for every place in a reply: a msgspec type for the fast path, a chain of checks for the exact path.

Both give the same *rows*: one generated struct class per place in the answer, with a slot for each of the client's fields in
the client's order (also those other fetches will fill) and slots for what joins need. A row is encoded as it stands.
"""

from gateway.execution.reading.readers import Readers
from gateway.execution.reading.row import Reading, attribute_of, struct
from gateway.execution.reading.sink import ABSENT, Exact, Sink, describe

__all__ = ["ABSENT", "Exact", "Readers", "Reading", "Sink", "attribute_of", "describe", "struct"]
