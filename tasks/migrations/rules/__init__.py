"""One rule per file: data first, then one function from a change to whether it is found. `every.py` lists them."""
