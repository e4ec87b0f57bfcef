"""A person's data handed over, exported, and erased when its time has come."""
