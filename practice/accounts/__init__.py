"""Staff accounts: signing in, the second factor, and how long somebody stays signed in."""
