"""The list of all rules, in the order of the documentation."""

from tasks.migrations.rules import (
    add_required_column,
    backfill_under_lock,
    constraint_validating,
    drop_column,
    drop_default,
    drop_index_not_concurrent,
    drop_table,
    index_not_concurrent,
    rename_column,
    rename_table,
    set_not_null,
    set_not_null_scan,
    table_rewrite,
    truncate,
    unique_builds_index,
)

RULES = (
    drop_table.RULE,
    drop_column.RULE,
    rename_table.RULE,
    rename_column.RULE,
    add_required_column.RULE,
    set_not_null.RULE,
    drop_default.RULE,
    truncate.RULE,
    index_not_concurrent.RULE,
    table_rewrite.RULE,
    constraint_validating.FOREIGN_KEY,
    constraint_validating.CHECK,
    set_not_null_scan.RULE,
    unique_builds_index.RULE,
    drop_index_not_concurrent.RULE,
    backfill_under_lock.RULE,
)
