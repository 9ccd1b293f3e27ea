"""Alembic's entry: runs a role's migrations on the connection that `engine.py` hands over, in its transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
