"""Run the centre's migrations on the connection that `store.migrate` holds; its transaction commits them all or none."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=False)
context.run_migrations()
