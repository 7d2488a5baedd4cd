"""The wire: one client per source. The only door to pyreqwest (`data`) and httpx (`control`, `exchange`).

What a client does for every call, whatever its library does by itself: no redirects, no proxies from the environment, no
cookies, no compression asked for, one total time limit, one size limit, and every failure as one of `gateway.errors`.
"""

from gateway.upstream.transport.control import HttpxClient as HttpxClient
from gateway.upstream.transport.control import check_trust as check_trust
from gateway.upstream.transport.data import Client as Client
from gateway.upstream.transport.limits import Limits as Limits
from gateway.upstream.transport.limits import Orphans as Orphans
from gateway.upstream.transport.limits import Trust as Trust
