"""What differs between two releases, or between two sets of rules on one, and why."""
