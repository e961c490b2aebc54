"""Sends its argument to the mail catcher, and says everything that was caught."""

import sys
import urllib.request

data = sys.argv[1].encode() if len(sys.argv) > 1 else None
print(urllib.request.urlopen("http://mail:2500/", data, timeout=5).read().decode())
