"""Production settings, with static files collected into the folder of the measurement."""

import os

from practice.settings import *  # noqa: F403

STATIC_ROOT = os.environ["BENCH_STATIC_ROOT"]
