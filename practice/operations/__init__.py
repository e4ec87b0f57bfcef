"""What runs the site besides requests: jobs, health, logs, keys and upgrades."""
