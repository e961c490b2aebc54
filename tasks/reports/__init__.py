"""What people read: tables and Markdown, made from values alone.

Doors: `release`, `night`, `timeline.critical_path`. In: values. Out: text.
"""
