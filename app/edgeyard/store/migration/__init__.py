"""Schema revisions, run forward by `store.upgrade` when a database is opened.

To add one: change `tables.py`, raise `CURRENT_REVISION` in `revision.py`, and write the file with

    config = edgeyard.store.upgrade.alembic_config()
    config.attributes["connection"] = c  # of `write()` on a database of the revision before
    alembic.command.revision(config, "what changes", autogenerate=True, rev_id="0002")

then read what it wrote: data has to move too, and SQLite changes most columns only by rebuilding the table.
Revisions go forward only; the way back is a backup made before.
"""
