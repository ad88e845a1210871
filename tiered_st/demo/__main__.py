"""Run `python -m tiered_st.demo`."""

import sys

from tiered_st.demo import main

sys.exit(main())
