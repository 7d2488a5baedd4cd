"""How often one caller may ask: a token bucket per caller, in this process or, for all of a fleet, in Redis.

`redis` is imported where it is configured: its client takes 5 MiB.
"""

from gateway.server.rate.bucket import Bucket as Bucket
from gateway.server.rate.memory import MemoryRate as MemoryRate
