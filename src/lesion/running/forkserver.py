"""The libraries that all workers of a machine share, imported once.

Where processes can be forked, one process imports this file and every worker is a fork of it: a
worker starts at once, and its libraries take no memory of their own.
"""

import gc

import lesion.running.worker as worker

__all__ = ["worker"]
gc.collect()
gc.freeze()  # no collection in a fork writes to pages that it shares
