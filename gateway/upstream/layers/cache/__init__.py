"""The cache: how long a copy may be used (`freshness`), where copies are kept (`store`), and the layer itself (`layer`)."""

from gateway.upstream.layers.cache.layer import Cache as Cache
from gateway.upstream.layers.cache.layer import cache as cache
from gateway.upstream.layers.cache.store import Store as Store
