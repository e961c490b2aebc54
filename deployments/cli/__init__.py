"""The command line: each command's arguments, what it calls, and what it prints."""
