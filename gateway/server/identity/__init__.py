"""Who calls: what a request shows of itself, and what of that holds. The only door to joserfc (`tokens`)."""

from gateway.server.identity.identify import Identify as Identify
from gateway.server.identity.keys import KeySet as KeySet
from gateway.server.identity.tokens import Issuer as Issuer
from gateway.server.identity.tokens import Tokens as Tokens
from gateway.server.identity.tokens import parse_keys as parse_keys
