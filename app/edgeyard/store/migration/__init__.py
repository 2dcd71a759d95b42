"""Schema revisions, run forward by `store.upgrade` when a database is opened."""
