"""What people read: tables and Markdown, made from values alone.

Doors: `release`, `tests`, `night`, `timeline.critical_path`. In: values. Out: text.
"""
