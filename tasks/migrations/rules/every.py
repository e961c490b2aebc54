"""The list of all rules, in the order of the documentation."""

from tasks.migrations.rules import (
    add_required_column,
    constraint_validating,
    drop_column,
    drop_table,
    index_not_concurrent,
    rename_column,
    rename_table,
    table_rewrite,
)

RULES = (
    drop_table.RULE,
    drop_column.RULE,
    rename_table.RULE,
    rename_column.RULE,
    add_required_column.RULE,
    index_not_concurrent.RULE,
    table_rewrite.RULE,
    constraint_validating.FOREIGN_KEY,
    constraint_validating.CHECK,
)
