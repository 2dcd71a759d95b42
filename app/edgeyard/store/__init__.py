"""The database: tables, migrations, queries. The only importer of SQLAlchemy.

`database.Database` opens one and gives connections; every other module is functions over a connection for one kind of
thing (`device`, `rollout`, `model`, …). They return objects of the domain, take the time as an argument, and never
commit: what belongs together is done in one `Database.write()`.
"""
