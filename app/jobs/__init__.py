"""A job from acceptance to end: the status map, the store, journal, recovery, documents and idempotency keys."""
