"""Run `python -m tiered_st.cli`."""

import sys

from tiered_st.cli import main

sys.exit(main())
