"""This run as the Prefect server knows it: what it asks people, tells them, gives way to, and how it goes on.

The one room that knows Prefect. In: the run of this process. Out: answers, messages, whether to go on.
"""
