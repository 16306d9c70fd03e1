"""The pages, and what makes their tables: `python -m docs.NAME`."""
