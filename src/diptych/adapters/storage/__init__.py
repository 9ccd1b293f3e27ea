"""Databases behind the roles' ports: one engine, one module of SQL per role, migrations beside them."""
