"""Who calls: what a request shows of itself, and what of that holds. The only door to joserfc (`tokens`).

`tokens` is imported where tokens are to be verified: with the cryptography it brings it takes 9 MiB.
"""

from gateway.server.identity.identify import Identify as Identify
from gateway.server.identity.keys import KeySet as KeySet
