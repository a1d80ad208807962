"""The inventory: resources, crawl, spool, store, verdict."""

import os

# deltalake brings an allocator that keeps what was freed for ten seconds, in an arena for
# each thread: 90 MB more at the peak of a small inventory. It reads this when it is loaded,
# so it has to be said before anything here imports deltalake.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0,narenas:1")
