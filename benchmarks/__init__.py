"""`make bench`: how fast the site is, beside a reference that is measured in the same run.

Each part measures in rounds. In every round the site and its reference take turns, so that
whatever else the machine does meets both; a ratio is made within a round, and the median of
the rounds' ratios is what counts. Nothing here is a test: a slow machine fails nobody.
"""
