"""Pictures of schedules and plans: which steps to look at, and how matplotlib draws them."""
