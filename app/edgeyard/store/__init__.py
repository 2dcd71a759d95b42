"""The database: tables, migrations, queries. The only importer of SQLAlchemy."""
