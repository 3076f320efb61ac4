"""Hand `python -m firecrawl_interact` over to the command line."""

import sys

from firecrawl_interact.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
