"""The release stories, one flow per file; a flow does no I/O of its own, it calls `tasks.steps`."""
