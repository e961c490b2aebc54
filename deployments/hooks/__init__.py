"""The webhook receiver's parts: what each sender signs, what is kept on disk, and how it becomes runs of Prefect."""
