"""The list of all rules, in the order of the documentation."""

from tasks.migrations.rules import add_required_column, drop_column, drop_table, rename_column, rename_table

RULES = (drop_table.RULE, drop_column.RULE, rename_table.RULE, rename_column.RULE, add_required_column.RULE)
