"""Migrations: judged by running them on a scratch PostgreSQL from where each customer stands.

Door: `check.check_migrations`. In: the fleet's heads and the commit's revisions. Out: `MigrationReport`.
"""
